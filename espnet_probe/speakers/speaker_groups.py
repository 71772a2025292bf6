"""Batches of several utterances of each of several speakers, for the GE2E loss.

ESPnet's category sampler gives a batch one utterance of each speaker (as long as there
are more speakers than a batch has utterances), its other samplers whatever comes. But
``batch_type: unsorted`` cuts the list of utterances, which is the shape file of the
training set, into batches as it stands. So an order of that file is all it takes. The
batches are then the same in every epoch, in another order, with other segments of the
utterances; another seed makes others.
"""

import heapq
import random
from typing import Dict, List, Mapping

from espnet_probe.errors import ProbeError


def group_by_speaker(
    utt2spk: Mapping[str, str], speakers: int, utterances: int, seed: int = 0
) -> List[List[str]]:
    """Make batches of ``speakers`` x ``utterances``, no utterance twice.

    As many batches as possible: each takes the speakers that have most left. What does
    not fill a batch is left out.

    Args:
        utt2spk: The speaker of each utterance.
        speakers: Speakers of a batch.
        utterances: Utterances of each, side by side in the batch.
        seed: Decides which utterances come together.

    Returns:
        The batches, each a list of ``speakers * utterances`` names.

    Raises:
        ProbeError: If a batch would not do for the loss, or the set is too small for
            one.
    """
    if speakers < 2 or utterances < 2:
        raise ProbeError(
            f"got batches of {speakers} speakers with {utterances} utterances: the "
            "loss compares at least 2 with 2"
        )
    draw = random.Random(seed)
    by_speaker: Dict[str, List[str]] = {}
    for utterance in sorted(utt2spk):
        by_speaker.setdefault(utt2spk[utterance], []).append(utterance)
    for names in by_speaker.values():
        draw.shuffle(names)
    # The speakers with most groups left come first; chance decides between equals.
    heap = [
        (-(len(names) // utterances), draw.random(), speaker)
        for speaker, names in by_speaker.items()
        if len(names) >= utterances
    ]
    heapq.heapify(heap)
    if len(heap) < speakers:
        raise ProbeError(
            f"{len(heap)} of {len(by_speaker)} speakers have {utterances} utterances "
            f"or more: expected at least {speakers}; ask for smaller batches"
        )
    batches: List[List[str]] = []
    while len(heap) >= speakers:
        batch: List[str] = []
        taken = [heapq.heappop(heap) for _ in range(speakers)]
        for groups, _, speaker in taken:
            names = by_speaker[speaker]
            batch += [names.pop() for _ in range(utterances)]
            if groups + 1 < 0:
                heapq.heappush(heap, (groups + 1, draw.random(), speaker))
        batches.append(batch)
    draw.shuffle(batches)
    return batches
