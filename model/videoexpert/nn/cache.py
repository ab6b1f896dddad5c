"""Keys and values of positions that are done, in buffers with room for what comes: a step appends without a copy.

transformers' own dynamic cache joins tensors at every step, and joins them once per query for a shared prefix.
"""

from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin


class _Buffer:
    """Keys or values of one layer, [B, heads, room, width], of which the first positions are filled."""

    def __init__(self, states: Tensor, batch: int, room: int) -> None:
        self.states = states.new_empty(batch, states.shape[1], room, states.shape[3])

    def write(self, states: Tensor, start: int) -> Tensor:
        """Put `states` [B or 1, heads, n, width] at `start`; returns all that is filled then."""
        end = start + states.shape[2]
        self.states[:, :, start:end] = states
        return self.states[:, :, :end]


class _BufferLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values, with room for `room` positions, of which `length` are filled."""

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room, self.length = room, 0
        self.buffers: tuple[_Buffer, _Buffer] | None = None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        batch = len(key_states)
        self.buffers = _Buffer(key_states, batch, self.room), _Buffer(value_states, batch, self.room)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        if self.buffers is None:
            self.lazy_initialization(key_states, value_states)
        assert self.buffers is not None
        keys, values = (
            buffer.write(states, self.length)
            for buffer, states in zip(self.buffers, (key_states, value_states), strict=True)
        )
        self.length = keys.shape[2]
        return keys, values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return self.room

    def fork(self, batch: int, room: int) -> "_BufferLayer":
        forked = _BufferLayer(self.length + room)
        if self.buffers is not None:
            keys, values = (buffer.states[:, :, : self.length] for buffer in self.buffers)
            forked.lazy_initialization(keys.expand(batch, -1, -1, -1), values.expand(batch, -1, -1, -1))
            forked.update(keys, values)
        return forked

    def select(self, rows: Tensor) -> None:
        for buffer in self.buffers or ():
            buffer.states = buffer.states[rows]


class PrefixCache(Cache):
    """A cache for `layers` layers with room for `room` positions."""

    def __init__(self, layers: int, room: int) -> None:
        self._own = [_BufferLayer(room) for _ in range(layers)]
        super().__init__(layers=[*self._own])

    def fork(self, batch: int, room: int) -> "PrefixCache":
        """A cache of `batch` rows that all start with this one's only row, with room for `room` more positions."""
        forked = PrefixCache(0, 0)
        forked._own = [layer.fork(batch, room) for layer in self._own]
        forked.layers = [*forked._own]
        return forked

    def select(self, rows: Tensor) -> None:
        """Keep only these rows of the batch: [rows]."""
        for layer in self._own:
            layer.select(rows)
