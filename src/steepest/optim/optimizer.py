"""The shell of every optimizer here, once: parameter groups, state, hooks and saving, as torch.optim has them.

The mathematics is elsewhere: a class says which rule it follows under which flags, the rule says the rest.
"""

import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar

import torch
from torch._compile import _disable_dynamo
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from steepest.kernels import state_dtype, storage_dtypes
from steepest.optim.by_name import by_name
from steepest.optim.form import Form, choose, facts, native
from steepest.optim.options import (
    arguments_of,
    beside_the_rule,
    check_flags,
    filled,
    read_initial_rate,
    read_numbers,
    read_rounding_seed,
    read_state_dtype,
    refuse_idle,
    refuse_near_misses,
)
from steepest.optim.plan import AVERAGE, Counts, Followed, Member, Plan
from steepest.optim.shell import OURS
from steepest.rules import Rule
from steepest.rules.rule import as_float

THETA = "theta"
# what a torch.optim state_dict does not hold
OPTIONS_OF_OURS = {**{name: argument.default for name, argument in OURS.items()}, "train_mode": True}
OF_THE_STATE = ("dialect", "train_mode")  # of these, what a state was made under; the others stay the optimizer's own
_GRADIENT = attrgetter("grad")
PLANS_KEPT = 8  # for models whose parameters get gradients in turns


class Optimizer(torch.optim.Optimizer):
    """An optimizer that follows one of the update rules; a real `torch.optim.Optimizer`.

    A subclass gives its signature (see `signature.completed`) and its `forms`: which rule in which dialect under
    which flags.
    """

    forms: ClassVar[Sequence[Form]]
    state_from_the_start: ClassVar[bool] = False
    _averaging = False
    _step_supports_amp_scaling = True  # torch.amp.GradScaler then leaves the unscaling to the step
    fixed_options: ClassVar[Mapping[str, Any]] = {}

    def _construct(self, params: Any, options: dict[str, Any], given: frozenset[str]) -> None:
        self._initial_velocity = options.pop("initial_velocity", None)
        self._forget_plans()
        self._written = {**options, **self.fixed_options, "train_mode": True}
        self._given = given
        super().__init__(params, filled(self.forms, self._written, given))
        self._state_was_shown = False
        self._initial_velocity = None

    # as long as nobody has seen the state, nobody can have exchanged it, and a step need not look whether somebody has
    @property
    def state(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The state of each parameter: its slots, its count of steps, and what else is kept for it."""
        self._state_was_shown = True
        return self._state

    @state.setter
    def state(self, state: Any) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._state_was_shown = True
        self._state = state

    def _forget_plans(self) -> None:
        self._plans: dict[Any, Plan] = {}
        self._latest: Plan | None = None
        self._counts: Counts | None = None

    # ---------------------------------------------------------------------------------------------- parameter groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; checked before anything changes."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        if isinstance(group.get("params"), Iterator):
            group["params"] = list(group["params"])
        velocity = group.pop("initial_velocity", getattr(self, "_initial_velocity", None))
        refuse_near_misses(group, [*self.defaults, "initial_velocity"])
        options = filled(self.forms, {**self._written, **group}, self._given | group.keys())
        group = {**group, **{name: value for name, value in options.items() if name in self.defaults}}
        followed = self._followed(options)
        if followed.state_dtype is not None or followed.rounding_seed is not None:
            for p in filter(torch.is_tensor, _tensors(group["params"])):
                _refuse_storage(followed, p)
        _refuse_several_bounds([*map(self._followed, self.param_groups[:1]), followed])
        velocities = None if velocity is None else _velocities(followed.rule, velocity, group["params"])
        group["train_mode"] = self.in_train_mode
        before = len(self.param_groups)
        _directly(torch.optim.Optimizer.add_param_group)(self, group)
        for added in self.param_groups[before:]:
            self._begin(added, followed, velocities)

    def _begin(self, group: dict[str, Any], followed: Followed, velocities: Sequence[Any] | None) -> None:
        if self.state_from_the_start:
            for p in group["params"]:
                self._slots(p, followed)
        for p, velocity in zip(group["params"], velocities or (), strict=False):
            self._slots(p, followed)[0].copy_(torch.as_tensor(velocity, device=p.device))
        if velocities and group["train_mode"]:
            self._move(group, followed.rule.gradient_point)

    def _read(self, options: Mapping[str, Any]) -> tuple[Rule, dict[str, float]]:
        """The rule that a group follows and its hyperparameters; raises before anything changes."""
        check_flags(options)
        known = read_numbers(facts(self.forms), options)
        chosen = choose(self.forms, options)
        if chosen.dialect != self.forms[0].dialect:
            refuse_idle(chosen, self.forms, known)
        if chosen.rule.decay == "independent":
            known["initial_lr"] = read_initial_rate(options)
        return chosen.rule, known

    # ------------------------------------------------------------------------------------------------------ the step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step for every parameter that has a gradient; the others keep their state and their count of steps.

        closure: computes the loss and its gradients anew; it runs first, and its value is returned.
        Raises ValueError when an option has become invalid, RuntimeError in eval mode: then nothing has changed.
        """
        if torch.compiler.is_compiling():
            return self._eager_step(closure)
        if self._is_watched():
            return self._watched_step(closure)
        return self._step(closure)

    # torch wraps `step` for its hooks and its profiler, which costs more than a small model's whole step; this wraps
    # the step only while somebody watches
    step.hooked = True  # pyright: ignore[reportFunctionMemberAccess]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or with set_to_none=False fill them with zeros."""
        if not set_to_none or torch.autograd.profiler._is_profiler_enabled or torch.compiler.is_compiling():
            _directly(torch.optim.Optimizer.zero_grad)(self, set_to_none)
            return
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes: the state of each parameter by its number, and the groups."""
        return _directly(torch.optim.Optimizer.state_dict)(self)

    def _is_watched(self) -> bool:
        return bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _global_optimizer_pre_hooks
            or _global_optimizer_post_hooks
            or torch.autograd.profiler._is_profiler_enabled
        )

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._refuse_averages()
        if not self._found_inf():
            unscaling = self._unscaling()
            plan, gradients = self._plan(unscaling is not None)
            if gradients:
                plan.run(gradients, unscaling or 1.0)
        return loss

    _watched_step = torch.optim.Optimizer.profile_hook_step(_step)
    _eager_step = _disable_dynamo(_watched_step)  # torch.compile leaves the step as it is: it is compiled already

    def _found_inf(self) -> bool:
        """Whether `torch.amp.GradScaler` has met a gradient that is not finite: then nothing at all changes."""
        found = getattr(self, "found_inf", None)
        return found is not None and bool(found)

    def _unscaling(self) -> float | None:
        """What `torch.amp.GradScaler` wants the gradients multiplied by, if it is at work."""
        scale = getattr(self, "grad_scale", None)
        return None if scale is None else 1.0 / float(scale)

    def _plan(self, unscaling: bool) -> tuple[Plan, Sequence[torch.Tensor]]:
        """The plan for the parameters that have gradients now, and those gradients; checked before anything changes."""
        groups = self.param_groups
        params = [p for group in groups for p in group["params"]]
        sizes = [len(group["params"]) for group in groups]
        every = list(map(_GRADIENT, params))
        options = [value for group in groups for value in group.values()]
        states = self._state.values() if self._state_was_shown else None
        plan = self._latest
        gradients = plan.gradients(params, sizes, every, states) if plan and plan.unscaling == unscaling else None
        if plan is None or gradients is None:
            which = (unscaling, tuple(g is None for g in every))
            plan = self._plans.get(which)
            # since it was last used, another plan may have exchanged slots
            gradients = plan.gradients(params, sizes, every, self._state.values()) if plan else None
            if plan is None or gradients is None:
                plan, gradients = self._make_plan(params, unscaling), [g for g in every if g is not None]
                plan.follows(options, self._options_can_change())
            self._keep(which, plan)
        if not plan.has_read(options):
            plan = self._read_again(plan, params, options)
        return plan, gradients

    def _keep(self, which: Any, plan: Plan) -> None:
        self._plans[which] = self._latest = plan
        if len(self._plans) > PLANS_KEPT:
            self._plans = {which: plan}

    def _read_again(self, plan: Plan, params: list[torch.Tensor], options: list[Any]) -> Plan:
        """The plan under the options of now: with other numbers, or, where these need other kernels, a new one."""
        self._refuse_eval_mode()
        groups = self.followed()
        if plan.needs_other_kernels(groups):
            which = next(key for key, known in self._plans.items() if known is plan)
            plan = self._make_plan(params, plan.unscaling)
            self._keep(which, plan)
        plan.groups = groups
        plan.follows(options, self._options_can_change())
        return plan

    def _refuse_averages(self) -> None:
        if self._averaging:
            raise RuntimeError("the parameters hold their averages; leave `with optimizer.averaged():` first")

    def _refuse_eval_mode(self) -> None:
        if not self.in_train_mode:
            raise RuntimeError(
                "step() in eval mode: the parameters hold the point of evaluation, not the point of the gradient; "
                "call optimizer.train() before the forward pass"
            )

    def _options_can_change(self) -> bool:
        values = [v for group in self.param_groups for k, v in group.items() if k not in ("params", "param_names")]
        return any(isinstance(v, (torch.Tensor, list, tuple)) and not _is_constant(v) for v in values)

    def followed(self) -> list[Followed]:
        """What each group asks for now; raises when an option is invalid."""
        groups = [self._followed(group) for group in self.param_groups]
        _refuse_several_bounds(groups)
        return groups

    def _followed(self, options: Mapping[str, Any]) -> Followed:
        rule, hyperparameters = self._read(options)
        clip_norm, average = beside_the_rule(options)
        return Followed(
            rule,
            hyperparameters,
            bool(options["maximize"]),
            clip_norm,
            average,
            bool(options["zero_grad_after_step"]),
            read_state_dtype(options),
            read_rounding_seed(options),
        )

    @torch.no_grad()
    def _make_plan(self, params: list[torch.Tensor], unscaling: bool) -> Plan:
        self._refuse_eval_mode()
        groups = self.followed()
        for followed, group in zip(groups, self.param_groups, strict=True):
            for p in group["params"]:
                _refuse_storage(followed, p)
                _refuse_gradient(followed, p)
        members = [
            Member(p, number, *self._state_of(p, followed))
            for number, (followed, group) in enumerate(zip(groups, self.param_groups, strict=True))
            for p in group["params"]
            if p.grad is not None
        ]
        counted = [state for state in self._state.values() if "step" in state]
        if self._counts is None or not self._counts.covers(counted):
            self._counts = Counts(counted)
            self._plans.clear()  # they count elsewhere
        return Plan(
            params,
            [len(group["params"]) for group in self.param_groups],
            groups,
            members,
            list(self._state.values()),
            self._counts,
            unscaling=unscaling,
            differentiable=self.defaults["differentiable"],
        )

    def _state_of(self, p: torch.Tensor, followed: Followed) -> tuple[dict[str, Any], tuple[torch.Tensor, ...], bool]:
        """A parameter's state, its slots, and whether this is its first step."""
        rule = followed.rule
        if not rule.moves_the_gradient_point and THETA in self._state.get(p, ()):
            p.copy_(self._state[p].pop(THETA))  # the group has left Nesterov's look-ahead
        is_new = p not in self._state or any(self._state[p].get(slot.name) is None for slot in rule.slots)
        slots = self._slots(p, followed)
        if followed.average is not None and AVERAGE not in self._state[p]:
            theta = self._state[p].get(THETA, p).detach()
            self._state[p][AVERAGE] = theta.to(state_dtype(p.dtype), copy=True, memory_format=torch.preserve_format)
        return self._state.get(p, {}), slots, is_new

    def _slots(self, p: torch.Tensor, followed: Followed) -> tuple[torch.Tensor, ...]:
        rule = followed.rule
        if not (rule.slots or followed.counts_steps):
            return ()
        state = self._state[p]
        if followed.counts_steps:
            _count_from_here(state, rule)
        for name, value in rule.memory.items():
            if name not in state:
                state[name] = torch.tensor(value, dtype=torch.float64, device="cpu")
        initial = rule.initial(followed.hyperparameters, state.get(THETA, p).detach())
        for slot in rule.slots:
            held, dtype = state.get(slot.name), followed.stored_as(slot, p.dtype)
            if held is None:
                state[slot.name] = _filled_like(p, initial[slot.symbol], dtype)
            elif held.dtype != dtype and torch.bfloat16 in (held.dtype, dtype):  # state_dtype has changed
                state[slot.name] = held.to(dtype)
        if rule.moves_the_gradient_point and THETA not in state:
            state[THETA] = p.detach().clone(memory_format=torch.preserve_format)
        return tuple(state[slot.name] for slot in rule.slots)

    # ---------------------------------------------------------------------------------------- the point of the model

    @property
    def in_train_mode(self) -> bool:
        """Whether the parameters hold the point where the gradient is taken."""
        return all(group["train_mode"] for group in self.param_groups)

    def eval(self) -> None:
        """Put the point where the model is judged (θ, for Nesterov) into the parameters; twice is the same as once."""
        self._switch(train_mode=False)

    def train(self) -> None:
        """Put the point where the gradient is taken (Nesterov's θ + αv) into the parameters; twice is once."""
        self._switch(train_mode=True)

    @contextmanager
    @torch.no_grad()
    def averaged(self) -> Iterator[None]:
        """Within `with optimizer.averaged():` the parameters hold the moving averages that `ema=` keeps.

        A parameter that has made no step yet keeps its value; step() is refused within.
        """
        if all(group["ema"] is None for group in self.param_groups):
            raise ValueError("averaged() needs averages to show; make the optimizer with ema=, as in ema=0.999")
        if self._averaging:
            raise RuntimeError("averaged() within averaged(): the parameters hold the averages already")
        params = [p for p in self._state if AVERAGE in self._state[p]]
        held = [p.detach().clone(memory_format=torch.preserve_format) for p in params]
        self._averaging = True
        try:
            for p in params:
                p.copy_(self._state[p][AVERAGE])
            yield
        finally:
            for p, own in zip(params, held, strict=True):
                p.copy_(own)
            self._averaging = False

    @torch.no_grad()
    def _switch(self, train_mode: bool) -> None:
        self._refuse_averages()
        rules = [self._read(group)[0] for group in self.param_groups]
        for group, rule in zip(self.param_groups, rules, strict=True):
            if train_mode and not group["train_mode"] and rule.evaluation_point is None:
                self._take_theta(group)
            group["train_mode"] = train_mode
            self._move(group, rule.gradient_point if train_mode else rule.evaluation_point)

    def _take_theta(self, group: dict[str, Any]) -> None:
        """In eval mode the parameters are θ, also where somebody has put other weights in."""
        for p in group["params"]:
            if THETA in self._state.get(p, ()):
                self._state[p][THETA].copy_(p)

    @torch.no_grad()
    def _move(self, group: dict[str, Any], where: Callable[..., Any] | None) -> None:
        rule, hyperparameters = self._read(group)
        for p in group["params"]:
            if rule.moves_the_gradient_point and THETA in self._state.get(p, ()):
                state = self._state[p]
                memory = {name: float(state[name]) for name in rule.memory}
                constants = rule.constants(int(state.get("step", 1)), hyperparameters, memory)
                held = [state[name] for name in (THETA, *(slot.name for slot in rule.slots))]
                theta, *slots = (x.to(state_dtype(p.dtype)) for x in held)
                p.copy_(rule.point(where, theta, slots, constants))

    # -------------------------------------------------------------------------------------------- saving and loading

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: torch's part, and which options were given, for groups that are added later."""
        return {**super().__getstate__(), "_written": self._written, "_given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a saved or copied state, after it has been found to fit; both copying and loading come by here."""
        defaults = state.get("defaults") or self.defaults
        every = []
        for group in state.get("param_groups", ()):
            if not isinstance(group.get("train_mode", True), bool):
                raise ValueError(f"Invalid train_mode value: {group['train_mode']!r}; it is True or False")
            self._refuse_foreign_group(group, defaults)
            # flags that an older version of torch did not save are as this optimizer has them
            flags = {name: value for name, value in defaults.items() if isinstance(value, bool | None)}
            ours = {name: defaults[name] for name in self._arguments_of_ours(defaults) if name in defaults}
            ours |= {name: defaults[name] for name in OPTIONS_OF_OURS if name in defaults and name not in OF_THE_STATE}
            for key, value in {**OPTIONS_OF_OURS, **flags, **ours}.items():
                group.setdefault(key, value)
            every.append(followed := self._followed(group))
            for p in group["params"]:
                _refuse_storage(followed, p)
                _refuse_foreign_state(type(self).__name__, followed.rule, p, state["state"].get(p, {}))
        _refuse_several_bounds(every)
        super().__setstate__(state)
        self._state, self._state_was_shown = self.__dict__.pop("state"), True  # torch writes past the property
        self._forget_plans()

    def _refuse_foreign_group(self, group: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        own = native(self.forms)
        flags = {name for f in own for name in f.flags} - {"decoupled_weight_decay", "adamw"}  # late in torch, or ours
        wanted = dict.fromkeys([*arguments_of(facts(own), defaults), *sorted(flags)])
        missing = [name for name in wanted if name in defaults and name not in group]
        if missing:
            raise ValueError(
                f"this state_dict is not of {type(self).__name__}: its parameter groups lack {', '.join(missing)}; "
                f"load it into the class that saved it"
            )

    def _arguments_of_ours(self, defaults: Mapping[str, Any]) -> set[str]:
        """Arguments that only other dialects than the class's own know; a torch.optim state_dict has none of them."""
        every, own = (set(arguments_of(facts(f), defaults)) for f in (self.forms, native(self.forms)))
        return every - own

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state: this class's own, or its namesake's in torch.optim.

        By the parameters' names where both sides have them (`SGD(model.named_parameters())`), else by order. Raises
        ValueError, with nothing changed, for a state of another optimizer or of parameters of other names or shapes.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(
                f"this is no state_dict of an optimizer, which has 'state' and 'param_groups': {_summary(state_dict)}"
            )
        seen: dict[str, Any] = {}

        # a pre-hook of the user's may exchange the dict; this one, registered last, sees what is loaded
        def see(_: Any, given: dict[str, Any]) -> dict[str, Any]:
            loaded = by_name(self, given)
            for value, p in self._saved_tensors(loaded):
                if value.shape == p.shape and value.dim() and value.dtype.is_floating_point != p.is_floating_point():
                    raise ValueError(f"Invalid state: {_summary(value)} for a parameter of {p.dtype}")
            seen.update(loaded)
            return loaded

        hook = self.register_load_state_dict_pre_hook(see)
        try:
            super().load_state_dict(state_dict)
        finally:
            hook.remove()
        self._take_copies(seen)

    def _saved_tensors(self, loaded: Mapping[str, Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Each tensor of a saved state with the parameter that it is for, as far as the two have equal lengths."""
        order = [index for group in loaded["param_groups"] for index in group["params"]]
        params = [p for group in self.param_groups for p in group["params"]]
        for index, p in zip(order, params, strict=False):
            state = loaded["state"].get(index, {})
            for value in state.values() if isinstance(state, Mapping) else ():
                if torch.is_tensor(value):
                    yield value, p

    @torch.no_grad()
    def _take_copies(self, loaded: Mapping[str, Any]) -> None:
        """Own what was loaded: slots as they were saved, not rounded to a 16-bit parameter's dtype, and not shared."""
        memory = {name for f in self.forms for name in f.rule.memory}
        for group, saved in zip(self.param_groups, loaded["param_groups"], strict=True):
            followed = self._followed(group)
            slots = {slot.name: slot for slot in followed.rule.slots}
            for p, index in zip(group["params"], saved["params"], strict=True):
                for key, value in loaded["state"].get(index, {}).items():
                    if not torch.is_tensor(value):
                        continue
                    dtype = self._state[p][key].dtype
                    if key in memory:
                        dtype = torch.float64
                    elif value.shape == p.shape and key not in (THETA, "step") and p.is_floating_point():
                        dtype = followed.stored_as(slots[key], p.dtype) if key in slots else state_dtype(p.dtype)
                    value = value.to_dense()  # torch's momentum is sparse where its gradients are
                    self._state[p][key] = value.to(device=self._state[p][key].device, dtype=dtype, copy=True)


def _directly(method: Callable[..., Any]) -> Callable[..., Any]:
    """torch's method without its wrapper, which loads torch's compiler when it is first called: seconds."""
    return method if torch.compiler.is_compiling() else getattr(method, "__wrapped__", method)


def _velocities(rule: Rule, velocity: Any, params: Any) -> list[Any]:
    """The initial velocity of each parameter: a number for all, or one tensor each."""
    first = rule.slots[0].symbol if rule.slots else None
    if first != "v":
        raise ValueError(
            "initial_velocity needs a rule whose first slot is a velocity: momentum above 0 and dialect='lecture' "
            f"or 'paper'; {rule.title} keeps {'a ' + rule.slots[0].meaning if rule.slots else 'nothing'}"
        )
    wanted = [tuple(p.shape) for p in _tensors(params)]
    velocities = [velocity] if isinstance(velocity, torch.Tensor) else velocity
    if isinstance(velocity, numbers.Real) and not isinstance(velocity, bool):
        velocities = [torch.full(shape, float(velocity), device="cpu") for shape in wanted]
    if not isinstance(velocities, (list, tuple)) or [tuple(getattr(v, "shape", "?")) for v in velocities] != wanted:
        raise ValueError(
            f"Invalid initial_velocity: {velocity!r}; allowed is a number, or one tensor for each parameter of the "
            f"group, of shapes {wanted}"
        )
    if not all(torch.as_tensor(v, device="cpu").isfinite().all() for v in velocities):
        raise ValueError(f"Invalid initial_velocity: {velocity!r}; every number in it must be finite")
    return list(velocities)


def _count_from_here(state: dict[str, Any], rule: Rule) -> None:
    """A count of the steps; a rule that asks only for the first step may have made it before anybody counted."""
    is_new = rule.counts_steps or any(state.get(slot.name) is None for slot in rule.slots)
    if "step" not in state:
        state["step"] = torch.tensor(0.0 if is_new else 1.0, dtype=torch.float32, device="cpu")
    elif is_new and not rule.counts_steps:
        state["step"].zero_()


def _filled_like(p: torch.Tensor, value: Any, dtype: torch.dtype) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.to(dtype, copy=True, memory_format=torch.preserve_format)
    if p.is_complex():
        return torch.view_as_complex(torch.full_like(torch.view_as_real(p.detach().resolve_conj()), value))
    return torch.full_like(p.detach(), value, dtype=dtype, memory_format=torch.preserve_format)


def _tensors(params: Any) -> list[torch.Tensor]:
    """The tensors of a group that is being added, whose `params` may be one tensor, several, or pairs with names."""
    params = [params] if isinstance(params, torch.Tensor) else list(params)
    return [p[1] if isinstance(p, tuple) else p for p in params]


def _is_constant(value: Any) -> bool:
    """Whether a pair (betas) is a tuple of plain numbers; a tensor's or a list's numbers can change in place."""
    return isinstance(value, tuple) and not any(isinstance(v, torch.Tensor) for v in value)


def _refuse_several_bounds(groups: Sequence[Followed]) -> None:
    clip_norms = dict.fromkeys(followed.clip_norm for followed in groups)
    if len(clip_norms) > 1:
        raise ValueError(
            f"Invalid clip_norm value: {', '.join(map(str, clip_norms))} in different groups; it bounds the norm of "
            f"all gradients together, so it is the same in every group"
        )


def _refuse_storage(followed: Followed, p: torch.Tensor) -> None:
    if followed.state_dtype is not None and followed.state_dtype not in storage_dtypes(p.dtype):
        raise ValueError(
            f"Invalid state_dtype value: {followed.state_dtype} for a parameter of {p.dtype}; it is for parameters of "
            f"float32, bfloat16 or float16; give the others a group with state_dtype=None"
        )
    if followed.rounding_seed is not None and p.dtype == torch.float16:
        raise ValueError(
            "stochastic_rounding rounds to bfloat16, and a parameter is of torch.float16; convert it with .bfloat16(), "
            "or give it a group with stochastic_rounding=False"
        )


def _refuse_gradient(followed: Followed, p: torch.Tensor) -> None:
    if p.layout != torch.strided:
        raise RuntimeError(f"parameters of layout {p.layout} are not supported; convert them with .to_dense()")
    if any(stride == 0 and size > 1 for stride, size in zip(p.stride(), p.shape, strict=True)):
        raise RuntimeError(
            f"a parameter of shape {tuple(p.shape)} has elements that share memory (expand()), so one would be updated "
            f"as many; make it a tensor of its own with .clone()"
        )
    if p.grad is None or p.grad.layout == torch.strided:
        return
    if not (p.grad.is_sparse and followed.rule.sparse):
        raise RuntimeError(
            f"{followed.rule.title} does not support sparse gradients; pass p.grad.to_dense(), or sparse=False"
        )
    if followed.hyperparameters.get("weight_decay"):
        raise RuntimeError(
            "weight_decay is not compatible with sparse gradients, for it reaches every weight; give these parameters "
            "a group with weight_decay=0, or pass p.grad.to_dense()"
        )


def _refuse_foreign_state(name: str, rule: Rule, p: torch.Tensor, state: Any) -> None:
    if not isinstance(state, Mapping):
        raise ValueError(f"this state_dict is not of {name}: a parameter's state is a dict, but got {_summary(state)}")
    if not state:
        return
    wanted = [*(slot.name for slot in rule.slots), *(["step"] if rule.counts_steps else []), *rule.memory]
    if missing := [key for key in wanted if key not in state]:
        raise ValueError(
            f"this state_dict is not of {name} as its groups describe it ({rule.title}): a state has "
            f"{', '.join(map(str, state))}, but lacks {', '.join(missing)}"
        )
    for key in [slot.name for slot in rule.slots if state[slot.name] is not None]:
        value = state[key]
        if not torch.is_tensor(value) or value.is_floating_point() != p.is_floating_point():
            raise ValueError(f"Invalid {key}: {_summary(value)}; a slot is a tensor of numbers like its parameter's")
        if value.shape != p.shape:
            raise ValueError(
                f"this state_dict is of a model with other shapes: {key} is {tuple(value.shape)} for a parameter "
                f"of shape {tuple(p.shape)}; load it for the same parameters in the same order"
            )
    step = as_float(state.get("step", 0.0))
    if step is None or not (step >= 0 and step.is_integer()):
        raise ValueError(
            f"Invalid step: {_summary(state['step'])}; it counts steps, so it is a whole number, 0 or above"
        )


def _summary(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."
