"""Directories of a tiny XLM-R and a tiny mT5 with random weights, laid out as theirs on the hub are."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

WIDTH, LAYERS, HEADS, FEED_FORWARD = 32, 2, 4, 48
PIECES = 120  # of the vocabularies, at most; more where texts have more characters
POSITIONS = 66  # of XLM-R, two of which no token takes


def save_xlmr(
    directory: Path, texts: Sequence[str], layers: int = LAYERS, head: bool = True, pieces: int = PIECES
) -> Path:
    """A tiny XLM-R whose vocabulary is learned from texts; without `head`, saved as a plain encoder."""
    import transformers

    learned = [piece for piece, _ in _unigrams(texts, pieces)]
    special = ["<s>", "<pad>", "</s>", "<unk>"]  # fairseq's order
    scored = [(piece, -float(rank)) for rank, piece in enumerate([*special, *learned[3:], "<mask>"])]
    transformers.XLMRobertaTokenizer(vocab=scored).save_pretrained(directory)
    config = transformers.XLMRobertaConfig(
        vocab_size=len(scored),
        hidden_size=WIDTH,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        max_position_embeddings=POSITIONS,
    )
    auto = transformers.AutoModelForMaskedLM if head else transformers.AutoModel
    return _save(auto.from_config(config), directory)


def save_mt5(directory: Path, texts: Sequence[str], layers: int = LAYERS, pieces: int = PIECES) -> Path:
    """A tiny mT5, encoder and decoder, whose vocabulary is learned from texts; with a SentencePiece model alone."""
    import transformers

    directory.mkdir(parents=True, exist_ok=True)
    (directory / "spiece.model").write_bytes(_sentencepiece(texts, pieces))
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "extra_ids": 0}
    (directory / "tokenizer_config.json").write_text(json.dumps(special))
    config = transformers.MT5Config(
        vocab_size=pieces + 5,  # on the hub, too, some have no piece
        d_model=WIDTH,
        d_ff=FEED_FORWARD,
        d_kv=WIDTH // HEADS,
        num_layers=layers,
        num_heads=HEADS,
        tie_word_embeddings=False,
    )
    return _save(transformers.AutoModelForSeq2SeqLM.from_config(config), directory)


def _save(model, directory: Path) -> Path:
    import torch

    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        # Larger than the usual initialisation, so that sentences differ well above rounding.
        mean, spread = (0.0, 0.3) if weight.dim() > 1 else (1.0, 0.1)
        torch.nn.init.normal_(weight, mean, spread, generator=generator)
    model.save_pretrained(directory)
    return directory


def _sentencepiece(texts: Sequence[str], pieces: int) -> bytes:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=pieces,
        hard_vocab_limit=False,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        pad_piece="<pad>",
        minloglevel=2,
    )
    return model.getvalue()


def _unigrams(texts: Sequence[str], pieces: int) -> list[tuple[str, float]]:
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_proto=_sentencepiece(texts, pieces))
    return [(model.id_to_piece(rank), model.get_score(rank)) for rank in range(model.get_piece_size())]
