"""Which stages the words of a config mean, whatever has been renamed or deleted since.

A word is a stage's ID, its name, or `pipeline: name`. Stages are remembered once seen: a stage that
was renamed is still found by the name it had, and one that was deleted still means what it meant,
so that what deals reached in it stays reached. Where a name has passed from one stage to another,
it means both, for both are what people called so; an ID always means one stage alone.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from convsync.model.stage import Stage, StageName


def with_remembered(current: Sequence[Stage], known: Sequence[Stage]) -> list[Stage]:
    """Return the stages there are, with the names they had, and behind them those that are gone.

    `known` holds what each stage was once seen as, oldest first.
    """
    seen_as: dict[str, list[Stage]] = {}
    for stage in known:
        seen_as.setdefault(stage.stage_id, []).append(stage)
    there = [_named_before(stage, seen_as.pop(stage.stage_id, ())) for stage in current]
    gone = [
        structs.replace(_named_before(seen[-1], seen), is_gone=True) for seen in seen_as.values()
    ]
    return [*there, *gone]


def stages_named(word: str, stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages that a word means: of that ID, else of that name, now or before."""
    if by_id := [stage for stage in stages if stage.stage_id == word]:
        return by_id
    folded = _folded(word)
    return [
        stage
        for stage in stages
        if any(_is_called(folded, name) for name in (stage.called, *stage.earlier))
    ]


def doubtful_words(words: Mapping[str, Sequence[str]], stages: Sequence[Stage]) -> Iterator[str]:
    """Yield a sentence for each word that means a stage only by what is remembered of it."""
    for milestone, named in words.items():
        for word in named:
            for stage in stages_named(word, stages):
                if stage.is_gone:
                    yield f"the stage '{word}' of milestone '{milestone}' is no longer there"
                elif stage.stage_id != word and not _is_called(_folded(word), stage.called):
                    yield (
                        f"the stage '{word}' of milestone '{milestone}' is called"
                        f" '{stage.pipeline}: {stage.name}' now: name it by its ID,"
                        f' "{stage.stage_id}"'
                    )


def listed(stages: Sequence[Stage]) -> str:
    """Return the stages there are as a message names them."""
    return ", ".join(f"'{stage.pipeline}: {stage.name}'" for stage in stages if not stage.is_gone)


def _named_before(stage: Stage, seen: Sequence[Stage]) -> Stage:
    earlier = dict.fromkeys(one.called for one in seen if one.called != stage.called)
    return structs.replace(stage, earlier=tuple(earlier))


def _is_called(folded: str, called: StageName) -> bool:
    return folded in (_folded(called.name), _folded(f"{called.pipeline}: {called.name}"))


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
