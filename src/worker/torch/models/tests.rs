use perftune::event::{MODELS, ModelSpec};
use tch::nn;
use tch::{Device, Kind, Tensor};

use super::{Input, build};
use crate::torch::parameters::Parameters;

fn spec(name: &str, depth: Option<u32>, width: Option<u32>) -> ModelSpec {
    ModelSpec { name: name.to_owned(), depth, width, script: None }
}

#[test]
fn every_model_takes_every_shape_forward_and_backward() {
    for info in MODELS {
        for shape in
            [[4, 3, 3], [1, 1, 1], [1, 8, 8], [3, 32, 32], [1, 28, 28], [2, 5, 1], [1, 2, 7]]
        {
            for batch in [1, 5] {
                let store = nn::VarStore::new(Device::Cpu);
                let input = Input { shape, classes: 7 };
                let model = build(&spec(info.name, None, None), &store.root(), input).unwrap();
                let parameters = Parameters::flatten(&store).unwrap();
                let [c, h, w] = shape;
                let images = Tensor::rand([batch, c, h, w], (Kind::Float, Device::Cpu));
                let logits = model.forward_t(&images, true);
                assert_eq!(logits.size(), [batch, 7], "{} {shape:?}", info.name);
                let gradient = parameters.flat.zeros_like();
                parameters
                    .gradient(
                        &logits.logsumexp([1_i64].as_slice(), false).mean(Kind::Float),
                        &gradient,
                    )
                    .unwrap();
                let finite = gradient.isfinite().all().int64_value(&[]);
                assert_eq!(finite, 1, "{} {shape:?}", info.name);
                let served = tch::no_grad(|| model.forward_t(&images, false));
                assert_eq!(
                    served.isfinite().all().int64_value(&[]),
                    1,
                    "{} {shape:?}: buffers are finite",
                    info.name
                );
            }
        }
    }
}

#[test]
fn knobs_change_the_number_of_weights_as_the_architecture_says() {
    let count = |name, depth, width, shape| {
        let store = nn::VarStore::new(Device::Cpu);
        build(&spec(name, depth, width), &store.root(), Input { shape, classes: 10 }).unwrap();
        Parameters::flatten(&store).unwrap().size().parameters
    };
    let image = [1, 28, 28];
    assert_eq!(count("mlp", None, None, image), 784 * 256 + 256 + 256 * 256 + 256 + 2560 + 10);
    assert_eq!(count("mlp", Some(1), Some(3), image), 784 * 3 + 3 + 30 + 10);
    // Weights of the two convolutions, scale and shift of their norms, 7 x 7 x 64 features to 10 classes.
    assert_eq!(count("cnn", None, None, image), 9 * 32 + 64 + 9 * 32 * 64 + 128 + 3136 * 10 + 10);
    // He et al.'s ResNet-20 has 0.27 million weights.
    let resnet20 = count("resnet", Some(20), None, [3, 32, 32]);
    assert!((265_000..280_000).contains(&resnet20), "{resnet20}");
}

#[test]
fn impossible_models_say_what_is_possible() {
    for (name, depth, width, says) in [
        ("resnet", Some(9), None, "resnet cannot have depth 9: 8, 14, 20, ... 1202 (default 8)"),
        ("resnet", Some(2), None, "8, 14, 20, ... 1202"),
        ("cnn", Some(0), None, "1 to 8 (default 2)"),
        ("mlp", Some(1000), None, "1 to 256 (default 2)"),
        ("mlp", None, Some(0), "mlp cannot have width 0: 1 to 16384 (default 256)"),
        ("vgg", None, None, "no model `vgg`; this worker knows mlp, cnn, resnet"),
    ] {
        let store = nn::VarStore::new(Device::Cpu);
        let input = Input { shape: [1, 8, 8], classes: 10 };
        let report =
            build(&spec(name, depth, width), &store.root(), input).unwrap_err().report().unwrap();
        assert_eq!(report.kind, "model");
        assert!(report.message.contains(says), "{}", report.message);
    }
}

/// A part of a data set is a view of it: what it is read from must begin where the view does.
#[test]
fn every_sample_has_its_own_logits_wherever_it_lies_in_memory() {
    for info in MODELS {
        for shape in [[1, 8, 8], [4, 3, 3], [1, 28, 28]] {
            let store = nn::VarStore::new(Device::Cpu);
            let input = Input { shape, classes: 7 };
            let model = build(&spec(info.name, None, None), &store.root(), input).unwrap();
            let [c, h, w] = shape;
            let images = Tensor::rand([9, c, h, w], (Kind::Float, Device::Cpu));
            tch::no_grad(|| {
                let all = model.forward_t(&images, false);
                let last = model.forward_t(&images.narrow(0, 6, 3), false);
                let same = all.narrow(0, 6, 3).allclose(&last, 1e-4, 1e-5, false);
                assert!(same, "{} {shape:?}", info.name);
                assert!(!all.narrow(0, 0, 3).allclose(&last, 1e-4, 1e-5, false));
            });
        }
    }
}

#[test]
fn a_seed_makes_the_same_weights_again() {
    let weights = |seed| {
        tch::manual_seed(seed);
        let store = nn::VarStore::new(Device::Cpu);
        let input = Input { shape: [1, 8, 8], classes: 10 };
        build(&spec("resnet", None, None), &store.root(), input).unwrap();
        Parameters::flatten(&store).unwrap().flat
    };
    // The generator is shared by all threads of a process, so another test may draw in between: try again, not forever.
    assert!((0..20).any(|_| weights(1) == weights(1)));
    assert_ne!(weights(1), weights(2));
}

#[test]
fn operations_are_those_of_products_and_convolutions() {
    let flops = |name, depth, width, shape| {
        let store = nn::VarStore::new(Device::Cpu);
        let model =
            build(&spec(name, depth, width), &store.root(), Input { shape, classes: 10 }).unwrap();
        model.flops(shape).unwrap()
    };
    let image = [1, 28, 28];
    assert_eq!(flops("mlp", None, None, image), 2 * (784 * 256 + 256 * 256 + 2560));
    // 28 x 28, then pooled to 14 x 14, then 7 x 7 x 64 features.
    let convolutions = 784 * 9 * 32 + 196 * 9 * 32 * 64;
    assert_eq!(flops("cnn", None, None, image), 2 * (convolutions + 3136 * 10));
    // What torch.utils.flop_counter says of the same nets written in Python.
    assert_eq!(flops("resnet", Some(20), None, [3, 32, 32]), 81_626_368);
    assert_eq!(flops("resnet", None, None, image), 18_691_840);
}
