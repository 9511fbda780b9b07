"""A sentence-transformers model run by ONNX Runtime: exported on the spot, checked, then used."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-4  # of 1 − cosine; measured: 5e-7
OPSET = 17
PROBES = ((101, 102), (101, 2054, 102), tuple(range(2000, 2031)), tuple(range(3000, 3200)))

Vectors = NDArray[np.float32]


class Unfit(RuntimeError):
    """ONNX Runtime is missing, or gives other vectors than the model itself."""


class OnnxForward:
    """The forward of a loaded model. Its vectors are the model's own within the tolerance.

    Raises:
        Unfit: it cannot be exported or run here, or its vectors differ.
    """

    def __init__(self, model: Any) -> None:
        try:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = _threads()
            self.session = onnxruntime.InferenceSession(
                export(model), options, providers=["CPUExecutionProvider"]
            )
        except ImportError as error:
            raise Unfit(f"{error}; run `pip install 'mralign[onnx]'`") from error
        except Exception as error:  # whatever an exporter meets in a model of somebody else's
            reason = " ".join(str(error).split())[:300]
            raise Unfit(f"the model cannot be exported: {reason}") from error
        self._check(model)

    def __call__(self, pieces: Sequence[Sequence[int]]) -> Vectors:
        """Unit vectors of texts of one length. Shapes: n times t to (n, d)."""
        ids = np.array(pieces, dtype=np.int64)
        vectors: Vectors = self.session.run(None, {"ids": ids, "mask": np.ones_like(ids)})[0]
        return vectors

    def _check(self, model: Any) -> None:
        most = model.max_seq_length or max(map(len, PROBES))
        for probe in PROBES:
            pieces = [[int(piece) for piece in probe[:most]]] * 2
            cosines = np.einsum("ij,ij->i", self(pieces), forward(model, pieces))
            if not (cosines >= 1 - TOLERANCE).all():
                raise Unfit(f"its vectors differ from the model's: cosine {cosines.min():.6f}")


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def forward(model: Any, pieces: Sequence[Sequence[int]]) -> Vectors:
    """Unit vectors of texts of one length by the model itself. Shapes: n times t to (n, d)."""
    import torch

    ids = torch.tensor(pieces, device=model.device)
    with torch.inference_mode():
        vectors = model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
        unit = torch.nn.functional.normalize(vectors["sentence_embedding"], dim=1)
    array: Vectors = unit.float().cpu().numpy()
    return array


def export(model: Any) -> bytes:
    """A loaded model as ONNX: ids and mask in, unit vectors out, for any count and length."""
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            found = self.model({"input_ids": ids, "attention_mask": mask})
            return torch.nn.functional.normalize(found["sentence_embedding"], dim=1)

    ids = torch.tensor([[101, 2054, 102], [101, 2003, 102]], device=model.device)
    axes = {0: "texts", 1: "pieces"}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        written = Path(folder) / "model.onnx"
        warnings.simplefilter("ignore")  # tracing tells of every constant that it bakes in
        torch.onnx.export(
            Whole().eval(), (ids, torch.ones_like(ids)), str(written), dynamo=False,
            input_names=["ids", "mask"], output_names=["vectors"],
            dynamic_axes={"ids": axes, "mask": axes, "vectors": {0: "texts"}}, opset_version=OPSET,
        )  # fmt: skip
        return written.read_bytes()
