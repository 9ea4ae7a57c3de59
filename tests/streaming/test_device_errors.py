# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from depthsplat_ros.streaming.device_errors import device_lost, is_device_lost, is_out_of_memory


def cuda_error(text):
    return torch.AcceleratorError(f"CUDA error: {text}\nCompile with TORCH_USE_CUDA_DSA", 2)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        cuda_error("out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_a_lack_of_memory_is_known_in_every_form_and_is_no_lost_device(error):
    assert is_out_of_memory(error)
    assert not is_device_lost(error)


def test_what_the_allocator_of_the_cpu_says_is_a_lack_of_memory():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(refused.value)


@pytest.mark.parametrize("text", ["an illegal memory access", "uncorrectable ECC error"])
def test_a_fault_of_the_device_is_final_and_told_in_one_line(text):
    error = cuda_error(text)
    assert is_device_lost(error)
    assert not is_out_of_memory(error)
    said = str(device_lost(error, "cuda:0"))
    assert said.startswith("cuda:0 failed") and text in said
    assert "\n" not in said


def test_a_mistake_in_the_program_is_neither():
    with pytest.raises(RuntimeError) as mistake:
        torch.zeros(2) @ torch.zeros(3)
    assert not is_out_of_memory(mistake.value)
    assert not is_device_lost(mistake.value)
