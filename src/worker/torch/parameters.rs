//! A model's weights as views of one flat tensor, so that an update is a few large operations, not many small ones.

use tch::{Device, Kind, Tensor, nn};

use super::failure::Failure;
use super::size::signed;

/// Each weight begins at a multiple of this many floats: 64 bytes, a cache line and the widest vector.
const ALIGN: i64 = 16;

/// A model's weights and buffers.
#[derive(Debug)]
pub(super) struct Parameters {
    /// All weights, one after the other, with zeros between them where alignment asks for it.
    pub(super) flat: Tensor,
    /// The weights, in the order of their creation: views of `flat` that gradients are asked for.
    leaves: Vec<Tensor>,
    /// What gradients are joined with to have the layout of `flat`, one for each leaf.
    padding: Vec<Option<Tensor>>,
    /// What training changes without gradients, such as running means; in the order of their names.
    buffers: Vec<Tensor>,
    size: Size,
}

/// How much there is of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    /// Its parameters, whether or not they are trained.
    pub(super) parameters: i64,
    /// Bytes of these and of its buffers.
    pub(super) bytes: i64,
}

impl Size {
    /// Of these parameters and buffers.
    pub(super) fn of<'a>(
        parameters: impl IntoIterator<Item = &'a Tensor>,
        buffers: impl IntoIterator<Item = &'a Tensor>,
    ) -> Self {
        let size = |tensor: &Tensor| signed(tensor.numel());
        let bytes = |tensor: &Tensor| size(tensor) * signed(tensor.kind().elt_size_in_bytes());
        let mut sum = Self::default();
        for tensor in parameters {
            sum.parameters += size(tensor);
            sum.bytes += bytes(tensor);
        }
        sum.bytes += buffers.into_iter().map(bytes).sum::<i64>();
        sum
    }
}

/// The state of a model, to return to.
#[derive(Debug)]
pub(super) struct Snapshot {
    flat: Tensor,
    buffers: Vec<Tensor>,
}

impl Parameters {
    /// Moves the weights of a model that has just been built in this store into one flat tensor.
    pub(super) fn flatten(store: &nn::VarStore) -> Result<Self, Failure> {
        let mut buffers: Vec<_> =
            store.variables().into_iter().filter(|(_, tensor)| !tensor.requires_grad()).collect();
        buffers.sort_by(|a, b| a.0.cmp(&b.0));
        let buffers: Vec<Tensor> = buffers.into_iter().map(|(_, tensor)| tensor).collect();
        let leaves = store.trainable_variables();
        let size = Size::of(&leaves, &buffers);
        Self::new(leaves, buffers, size, store.device())
    }

    /// Moves these weights of a model of this size, 32-bit floats that gradients are asked for, into one flat tensor.
    pub(super) fn new(
        leaves: Vec<Tensor>,
        buffers: Vec<Tensor>,
        size: Size,
        device: Device,
    ) -> Result<Self, Failure> {
        tch::no_grad(|| {
            let options = (Kind::Float, device);
            let total = leaves.iter().map(|leaf| aligned(signed(leaf.numel()))).sum::<i64>();
            let flat = Tensor::f_zeros([total], options)?;
            let mut padding = Vec::with_capacity(leaves.len());
            let mut at = 0;
            for leaf in &leaves {
                let size = signed(leaf.numel());
                let view = flat.f_narrow(0, at, size)?.f_view(leaf.size().as_slice())?;
                view.shallow_clone().f_copy_(leaf)?;
                // The layers hold handles of the same tensor, so they see the move.
                leaf.shallow_clone().f_set_data(&view)?;
                let gap = aligned(size) - size;
                padding.push((gap > 0).then(|| Tensor::f_zeros([gap], options)).transpose()?);
                at += size + gap;
            }
            Ok(Self { flat, leaves, padding, buffers, size })
        })
    }

    /// How much there is of the model.
    pub(super) const fn size(&self) -> Size {
        self.size
    }

    /// Writes the gradient of `loss` into `gradient`, in the layout of `flat`.
    pub(super) fn gradient(&self, loss: &Tensor, gradient: &Tensor) -> Result<(), Failure> {
        let parts = Tensor::f_run_backward(&[loss], &self.leaves, false, false)?;
        tch::no_grad(|| {
            let mut joined = Vec::with_capacity(2 * parts.len());
            for ((part, leaf), padding) in parts.iter().zip(&self.leaves).zip(&self.padding) {
                // Of a weight that the loss does not depend on there is none.
                let is_there = part.defined();
                joined.push(if is_there { part.f_reshape([-1])? } else { zeros_like(leaf)? });
                joined.extend(padding.as_ref().map(Tensor::shallow_clone));
            }
            let _ = Tensor::f_cat_out(gradient, &joined, 0)?;
            Ok(())
        })
    }

    /// The state now.
    pub(super) fn snapshot(&self) -> Result<Snapshot, Failure> {
        let copies = self.buffers.iter().map(copy_of);
        Ok(Snapshot { flat: copy_of(&self.flat)?, buffers: copies.collect::<Result<_, _>>()? })
    }

    /// Returns to a state.
    pub(super) fn restore(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        tch::no_grad(|| {
            self.flat.f_copy_(&snapshot.flat)?;
            for (buffer, saved) in self.buffers.iter_mut().zip(&snapshot.buffers) {
                buffer.f_copy_(saved)?;
            }
            Ok(())
        })
    }
}

/// The gradient of a weight that changes nothing.
fn zeros_like(leaf: &Tensor) -> Result<Tensor, Failure> {
    Ok(Tensor::f_zeros([signed(leaf.numel())], (Kind::Float, leaf.device()))?)
}

/// A copy that shares nothing and has no history.
fn copy_of(tensor: &Tensor) -> Result<Tensor, Failure> {
    tch::no_grad(|| {
        let mut copy = tensor.f_empty_like()?;
        copy.f_copy_(tensor)?;
        Ok(copy)
    })
}

const fn aligned(size: i64) -> i64 {
    (size + ALIGN - 1) / ALIGN * ALIGN
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::nn::Module;

    #[test]
    fn layers_see_the_flat_tensor_and_gradients_have_its_layout() {
        tch::manual_seed(3);
        let store = nn::VarStore::new(Device::Cpu);
        let layer = nn::linear(store.root(), 3, 2, nn::LinearConfig::default());
        let input = Tensor::from_slice(&[1.0_f32, 2.0, 3.0]).view([1, 3]);
        let before = layer.forward(&input);
        let mut parameters = Parameters::flatten(&store).unwrap();
        assert_eq!(parameters.size(), Size { parameters: 8, bytes: 32 });
        assert_eq!(parameters.flat.numel(), 32, "two weights of 16 floats each");
        assert_eq!(layer.forward(&input), before, "nothing but the place has changed");

        let saved = parameters.snapshot().unwrap();
        let gradient = parameters.flat.zeros_like();
        parameters.gradient(&layer.forward(&input).sum(Kind::Float), &gradient).unwrap();
        let values = Vec::<f32>::try_from(&gradient).unwrap();
        // The store hands variables out in the order of their creation: the bias is made first.
        assert_eq!(&values[..2], &[1.0, 1.0]);
        assert_eq!(&values[16..22], &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(values.iter().filter(|v| **v == 0.0).count(), 32 - 8);

        let _ = parameters.flat.f_fill_(0.5).unwrap();
        assert_ne!(
            layer.forward(&input),
            before,
            "an update of the flat tensor is one of the layer"
        );
        parameters.restore(&saved).unwrap();
        assert_eq!(layer.forward(&input), before);
    }
}
