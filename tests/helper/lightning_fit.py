import lightning.pytorch as pl
import torch
from torch import nn

import perftune


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def validation_step(self, batch, _):
        logits = self.layer(batch[0])
        self.log("val_loss", nn.functional.cross_entropy(logits, batch[1]))
        self.log("val_acc", (logits.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


data = torch.utils.data.TensorDataset(torch.rand(512, 64), torch.randint(10, (512,)))
loader = torch.utils.data.DataLoader(data, batch_size=16)
quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False, "enable_model_summary": False}
trainer = pl.Trainer(max_epochs=3, accelerator="cpu", callbacks=[perftune.lightning()], **quiet)
trainer.fit(Net(), loader, loader)
