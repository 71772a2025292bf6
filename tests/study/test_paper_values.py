import pytest

from espnet_probe.study.paper_values import (
    PAPER_LAYERS,
    EerCell,
    WerCell,
    paper_eer,
    paper_wer,
)

CONDITIONS = ("clean", "snr20", "snr10", "snr0")


def test_table_2_is_whole_and_some_of_it_by_hand():
    table = paper_eer()
    assert set(table) == {
        EerCell(model, training, condition, layer)
        for model, layers in PAPER_LAYERS.items()
        for training in ("robust", "baseline")
        for condition in CONDITIONS
        for layer in layers
    }
    assert len(table) == 88
    assert table[EerCell("vgg_blstm", "robust", "clean", "cnn1")] == 4.38
    assert table[EerCell("vgg_blstm", "baseline", "snr0", "blstm3")] == 44.56
    assert table[EerCell("blstm", "robust", "snr20", "blstm1")] == 8.44
    # The sums of the rows of two columns, added by hand.
    row = [table[EerCell("blstm", "robust", "snr0", f"blstm{n}")] for n in range(1, 6)]
    assert sum(row) == pytest.approx(180.65)
    column = [
        table[EerCell("vgg_blstm", "robust", condition, "cnn1")]
        for condition in CONDITIONS
    ]
    assert sum(column) == pytest.approx(43.14)


def test_table_1():
    table = paper_wer()
    assert len(table) == 8
    assert table[WerCell("vgg_blstm", "robust", "test_clean")] == 22.51
    assert table[WerCell("blstm", "baseline", "dev_clean")] == 30.72
    assert all(
        table[WerCell(model, "robust", name)] < table[WerCell(model, "baseline", name)]
        for model in PAPER_LAYERS
        for name in ("dev_clean", "test_clean")
    )
