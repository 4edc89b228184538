import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy

import perftune

generator = numpy.random.default_rng(1)
images, labels = generator.random((512, 64), dtype="float32"), generator.integers(10, size=512)
model = keras.Sequential([keras.layers.Input((64,)), keras.layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    images, labels, batch_size=16, epochs=3, validation_data=(images, labels), verbose=0,
    callbacks=[perftune.keras(16)],
)
