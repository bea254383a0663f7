"""What a mixture's experts give, token by token and expert by expert, written out."""

from collections.abc import Callable

import torch

Change = Callable[[str, int, int, torch.Tensor], None]  # of weight, expert, token; changes an output in place


class ExpertsByHand:
    """Takes the place of a module of experts' forward function inside a block, and keeps what all units put out.

    with ExpertsByHand(module) as by_hand:
        model(…)
    by_hand.put_out["down_proj"]  # (token, expert, outputs [units]), …
    """

    def __init__(self, module: torch.nn.Module, change: Change | None = None):
        self.module, self.change = module, change
        self.kind = type(module).__name__.removesuffix("Experts")
        self.weights = ("up_proj" if self.kind == "NemotronH" else "gate_up_proj", "down_proj")
        self.put_out: dict[str, list[tuple[int, int, torch.Tensor]]] = {name: [] for name in self.weights}

    def __enter__(self) -> "ExpertsByHand":
        self.module.forward = self.forward
        return self

    def __exit__(self, *_) -> None:
        del self.module.forward

    def forward(self, states, chosen, weights):
        """The weighted sums over the experts of each token."""
        result = torch.zeros_like(states)
        for token, state in enumerate(states):
            for expert, weight in zip(chosen[token].tolist(), weights[token], strict=True):
                hidden = self.linear(self.weights[0], expert, token, state)
                if self.kind == "NemotronH":
                    hidden = hidden.clamp(min=0) ** 2
                elif self.kind in ("GptOss", "MiniMaxM3VL"):
                    gate, up = (hidden[::2], hidden[1::2]) if self.kind == "GptOss" else hidden.chunk(2)
                    gate, up = gate.clamp(max=7.0), up.clamp(-7.0, 7.0)
                    hidden = gate * torch.sigmoid(1.702 * gate) * (up + 1)
                else:
                    gate, up = hidden.chunk(2)
                    hidden = gate * torch.sigmoid(gate) * up
                result[token] += weight * self.linear("down_proj", expert, token, hidden)
        return result

    def linear(self, name, expert, token, inputs):
        """What the units of an expert put out for one token."""
        matrix = getattr(self.module, name)[expert]
        of_gpt_oss = self.kind == "GptOss"
        output = inputs @ matrix + getattr(self.module, f"{name}_bias")[expert] if of_gpt_oss else matrix @ inputs
        if self.change is not None:
            self.change(name, expert, token, output)
        self.put_out[name].append((token, expert, output))
        return output

    def pooled(self, name: str, pool: Callable[[torch.Tensor], torch.Tensor], first: int, last: int) -> torch.Tensor:
        """Pool what each expert put out for its tokens from `first` to before `last`: [units of all experts]."""
        weight = getattr(self.module, name)
        units = []
        for expert in range(len(weight)):
            own = [output for token, by, output in self.put_out[name] if by == expert and first <= token < last]
            width = weight.shape[2 if self.kind == "GptOss" else 1]
            units.append(pool(torch.stack(own)) if own else torch.zeros(width))
        return torch.cat(units)
