"""docs/listwatch.md: the table of transitions, as tables and as a diagram."""

from __future__ import annotations

from aioinformer.transitions import TABLE, After, Happening, Pause, Rule, State

HEAD = """# List, then watch: what follows what

Drawn from the table in [`transitions.py`](../aioinformer/transitions.py) by `make docs`; a test keeps the two together.
The machine around it is [`listwatch.py`](../aioinformer/listwatch.py).

- *streaming*: a watch with `sendInitialEvents` brings the snapshot, and goes on as the watch.
- *listing*: pages of a list bring the snapshot.
- *watching*: events change the cache.

*new snapshot* is streaming again, or listing where the server could not stream within the last hour. Each wait is drawn
evenly between nothing and a ceiling that doubles from 0.8 s; once that is 30 s, and at the *slow end* from the first, between 15
and 30 s. `Retry-After` comes on top. What moves the version forward resets the *backoff*, and so does a finished snapshot unless
it had to be fetched anew; the *backoff of relists* is reset only by a watch that has lived for a minute. **Final** failures are
told at once to everybody who waits for the first sync.
"""

_NEXT = {
    After.COMMIT: (State.WATCHING,),
    After.SNAPSHOT: (State.STREAMING, State.LISTING),
    After.FALL_BACK: (State.LISTING,),
}


def rendered() -> str:
    """The page."""
    tables = "\n".join(_table(state, rules) for state, rules in TABLE.items())
    return f"{HEAD}\n{_diagram()}\n{tables}"


def _diagram() -> str:
    edges: dict[tuple[str, str], list[str]] = {("[*]", State.STREAMING): ["first"]}
    for state, rules in TABLE.items():
        for happening, rule in rules.items():
            for target in _NEXT.get(rule.after, (state,)):
                if rule.after is After.SNAPSHOT and state is State.STREAMING and target is State.LISTING:
                    continue
                edges.setdefault((state, target), []).append(happening)
    lines = [f"    {source} --> {target}: {_label(what)}" for (source, target), what in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", ""])


def _label(happenings: list[str]) -> str:
    return "<br/>".join(what.replace(":", " -") for what in happenings)


def _table(state: State, rules: dict[Happening, Rule]) -> str:
    rows = [
        f"| {happening} | {rule.after} | {rule.pause if rule.pause is not Pause.NONE else ''} | {'yes' if rule.final else ''} |"
        for happening, rule in rules.items()
    ]
    return "\n".join(
        [f"## {state}", "", "| what happened | next | wait first | final |", "|---|---|---|---|", *rows, ""]
    )
