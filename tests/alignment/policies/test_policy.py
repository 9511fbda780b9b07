"""Loading policies, the adapter, and the tiny policy made on the spot."""

import hashlib
from pathlib import Path

import pytest
import torch

from alignment.policies.policy import PolicyError, add_lora, load_policy
from alignment.policies.tiny import TinyPolicyError, build_tiny_policy, conversation

pytestmark = pytest.mark.models

TEXTS = [conversation([("user", "Who?")], "<think>\nLima, I recall.\n</think>\n\nLima")] * 30


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_the_tiny_policy_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first = digests(build_tiny_policy(TEXTS, tmp_path / "first", seed=3, pretrain_steps=2))
    again = digests(build_tiny_policy(TEXTS, tmp_path / "again", seed=3, pretrain_steps=2))
    other = digests(build_tiny_policy(TEXTS, tmp_path / "other", seed=4, pretrain_steps=2))
    assert first == again
    assert first["model.safetensors"] != other["model.safetensors"]
    assert first["tokenizer.json"] == other["tokenizer.json"]


def test_building_leaves_the_callers_random_state_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    build_tiny_policy(TEXTS, tmp_path / "tiny", seed=3)
    assert torch.equal(torch.rand(1), expected)


def test_the_tiny_policy_loads_like_any_other(tiny_policy_folder: Path) -> None:
    policy = load_policy(tiny_policy_folder, device="cpu")
    assert policy.model.config.model_type == "qwen3"
    assert policy.model.num_parameters() < 150_000
    assert policy.context_tokens == 4096
    rendered = policy.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Who?"}], add_generation_prompt=True, tokenize=False
    )
    assert rendered == "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
    assert conversation([("user", "Who?")], "Lima") == rendered + "Lima<|im_end|>"


def test_each_markup_token_is_one_token_that_decoding_keeps(tiny_policy_folder: Path) -> None:
    tokenizer = load_policy(tiny_policy_folder, device="cpu").tokenizer
    for token in ("<think>", "</think>", "<answer>", "</answer>"):
        ids = tokenizer(token)["input_ids"]
        assert len(ids) == 1
        assert tokenizer.decode(ids, skip_special_tokens=True) == token


def test_pretraining_teaches_the_texts(tmp_path: Path) -> None:
    def loss(steps: int) -> float:
        folder = build_tiny_policy(TEXTS, tmp_path / str(steps), seed=0, pretrain_steps=steps)
        policy = load_policy(folder, device="cpu")
        ids = torch.tensor([policy.tokenizer(TEXTS[0])["input_ids"]])
        with torch.no_grad():
            return float(policy.model(input_ids=ids, labels=ids).loss)

    assert loss(60) < loss(0) - 2


def test_a_tiny_policy_needs_text(tmp_path: Path) -> None:
    with pytest.raises(TinyPolicyError, match="at least one text"):
        build_tiny_policy(["", " \n"], tmp_path)


def test_lora_covers_every_linear_layer_but_the_output(tiny_policy_folder: Path) -> None:
    model = add_lora(load_policy(tiny_policy_folder, device="cpu").model, r=4)
    adapted = {n.split(".lora_A")[0] for n, _ in model.named_parameters() if "lora_A" in n}
    assert len(adapted) == 2 * 7 and not any("lm_head" in name for name in adapted)
    assert {p.requires_grad for n, p in model.named_parameters() if "lora_" not in n} == {False}


def test_a_new_adapter_changes_nothing_and_can_be_switched_off(tiny_policy_folder: Path) -> None:
    ids = torch.arange(10)[None]
    base = load_policy(tiny_policy_folder, device="cpu").model
    with torch.no_grad():
        before = base(input_ids=ids).logits
        model = add_lora(base, r=4)
        assert torch.equal(model(input_ids=ids).logits, before)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.1)
        assert not torch.allclose(model(input_ids=ids).logits, before)
        with model.disable_adapter():
            assert torch.equal(model(input_ids=ids).logits, before)


def test_a_missing_folder_is_refused_without_asking_a_hub(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="does not exist"):
        load_policy(tmp_path / "nowhere")
    with pytest.raises(PolicyError, match="does not exist"):
        load_policy("./nowhere")


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No policy could be loaded"):
        load_policy(tmp_path)


@pytest.mark.parametrize(("option", "value"), [("device", "abacus"), ("dtype", "int3")])
def test_an_unknown_device_or_type_is_refused(
    tiny_policy_folder: Path, option: str, value: str
) -> None:
    with pytest.raises(PolicyError, match=value):
        load_policy(tiny_policy_folder, **{option: value})


def test_a_folder_without_an_adapter_is_refused(tiny_policy_folder: Path) -> None:
    with pytest.raises(PolicyError, match="adapter_config"):
        load_policy(tiny_policy_folder, adapter=tiny_policy_folder)
