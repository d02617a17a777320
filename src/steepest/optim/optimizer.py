"""The shell of every optimizer here, once: parameter groups, state, hooks and saving, as torch.optim has them.

The mathematics is elsewhere: a class says which rule it follows under which flags, the rule says the rest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch._compile import _disable_dynamo
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from steepest.optim.by_name import by_name
from steepest.optim.counts import COUNT, Numbers
from steepest.optim.form import Form, choose, facts
from steepest.optim.group import Followed
from steepest.optim.options import (
    added_to_norm,
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
from steepest.optim.plan import Member, Plan
from steepest.optim.points import holding_averages, move, take_theta
from steepest.optim.refusals import (
    refuse_gradient,
    refuse_several_bounds,
    refuse_shards,
    refuse_storage,
    refuse_twins,
)
from steepest.optim.saving import (
    complete,
    refuse_foreign_group,
    refuse_foreign_state,
    refuse_no_state_dict,
    refuse_other_kinds,
    take_copies,
)
from steepest.optim.state import slots_of, state_of
from steepest.optim.velocity import tensors, velocities
from steepest.rules import Rule


class Optimizer(torch.optim.Optimizer):
    """An optimizer that follows one of the update rules; a real `torch.optim.Optimizer`.

    A subclass gives its signature (see `signature.completed`) and its `forms`: which rule in which dialect under
    which flags.
    """

    forms: ClassVar[Sequence[Form]]
    state_from_the_start: ClassVar[bool] = False
    _averaging = False
    fixed_options: ClassVar[Mapping[str, Any]] = {}

    def _construct(self, params: Any, options: dict[str, Any], given: frozenset[str]) -> None:
        self._initial_velocity = options.pop("initial_velocity", None)
        self._forget_plan()
        self._written = {**options, **self.fixed_options}
        self._given = given
        groups = params if isinstance(params, torch.Tensor) else list(params)
        copies: Any = [dict(group) if isinstance(group, dict) else group for group in groups]
        super().__init__(copies, filled(self.forms, self._written, given))
        for number, group in enumerate(groups):
            if isinstance(group, dict):
                self._adopt(group, number)
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

    def _forget_plan(self) -> None:
        self._plan: Plan | None = None
        self._numbers: dict[str, Numbers] = {}

    # ---------------------------------------------------------------------------------------------- parameter groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; checked before anything changes.

        The dict itself becomes the group, as in torch: who keeps it reads and changes the group's options by it.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        if isinstance(group.get("params"), Iterator):
            group["params"] = list(group["params"])
        if isinstance(group.get("params"), list | tuple):
            refuse_twins(tensors(group["params"]))
        velocity = group.pop("initial_velocity", getattr(self, "_initial_velocity", None))
        refuse_near_misses(group, [*self.defaults, "initial_velocity"])
        options = filled(self.forms, {**self._written, **group}, self._given | group.keys())
        group = {**group, **{name: value for name, value in options.items() if name in self.defaults}}
        followed = self._followed(options)
        if not followed.is_plain:
            for p in filter(torch.is_tensor, tensors(group["params"])):
                refuse_storage(followed, p)
                refuse_shards(followed, p)
        refuse_several_bounds([*map(self._followed, self.param_groups[:1]), followed])
        begun = None if velocity is None else velocities(followed.rule, velocity, group["params"])
        group["train_mode"] = self.in_train_mode
        _directly(torch.optim.Optimizer.add_param_group)(self, group)
        self._adopt(param_group, -1)
        self._begin(param_group, followed, begun)

    def _adopt(self, own: dict[str, Any], number: int) -> None:
        """Put the caller's own dict in the place of its completed copy."""
        group = self.param_groups[number]
        own.clear()
        own.update(group)
        self.param_groups[number] = own

    def _begin(self, group: dict[str, Any], followed: Followed, begun: Sequence[Any] | None) -> None:
        if self.state_from_the_start:
            for p in group["params"]:
                slots_of(self._state, p, followed)
        for p, velocity in zip(group["params"], begun or (), strict=False):
            slots_of(self._state, p, followed)[0].copy_(torch.as_tensor(velocity, device=p.device))
        if begun and group["train_mode"]:
            rule = followed.rule
            move(self._state, group["params"], rule, followed.hyperparameters, rule.gradient_point)

    def _read(self, options: Mapping[str, Any]) -> tuple[Rule, dict[str, float]]:
        """The rule that a group follows and its hyperparameters; raises before anything changes."""
        check_flags(options)
        known = read_numbers(facts(self.forms), options)
        chosen = choose(self.forms, options)
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
        # `torch.amp.GradScaler` writes both while it steps; where a gradient is not finite, nothing at all changes
        found_inf, scale = getattr(self, "found_inf", None), getattr(self, "grad_scale", None)
        if found_inf is None or not found_inf:
            plan, gradients = self._planned(unscaling=scale is not None)
            if gradients:
                plan.run(gradients, 1.0 if scale is None else 1.0 / float(scale))
        return loss

    _watched_step = torch.optim.Optimizer.profile_hook_step(_step)
    _eager_step = _disable_dynamo(_watched_step)  # torch.compile leaves the step as it is: it is compiled already

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """Whether `torch.amp.GradScaler` leaves the unscaling to the step: as in torch, and where the step clips.

        Elsewhere whoever clips in between, as trainers do, must find gradients without the scale.
        """
        return any(group.get("fused") or group["clip_norm"] is not None for group in self.param_groups)

    def _planned(self, unscaling: bool) -> tuple[Plan, Sequence[torch.Tensor]]:
        """The plan for the parameters that have gradients now, and those gradients; checked before anything changes."""
        params, sizes, options = [], [], []
        for group in self.param_groups:
            own = group["params"]
            params += own
            sizes.append(len(own))
            options += group.values()
        every = [p.grad for p in params]
        plan, states = self._plan, self._state.values() if self._state_was_shown else None
        if plan and not plan.has_read(options):
            plan = self._read_again(plan, options)
        if plan and (plan.unscaling != unscaling or not plan.holds(params, sizes, states)):
            plan = None
        gradients = plan.gradients(every, slots_too=states is not None) if plan else None
        if plan is None or gradients is None:
            self._plan = None
            plan = self._make_plan(params, unscaling, plan.carried(every) if plan else {})
            plan.follow(plan.groups, options, self._options_can_change())
            gradients = plan.gradients(every, slots_too=True)
            assert gradients is not None  # those that it was made for
            self._plan = plan
        return plan, gradients

    def _read_again(self, plan: Plan, options: list[Any]) -> Plan | None:
        """The plan under the options of now, with other numbers; None where these need other kernels."""
        self._refuse_eval_mode()
        groups = self.followed()
        if plan.needs_other_kernels(groups):
            return None
        plan.follow(groups, options, self._options_can_change())
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
        refuse_several_bounds(groups)
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
            added_to_norm(options["dialect"]),
        )

    @torch.no_grad()
    def _make_plan(self, params: list[torch.Tensor], unscaling: bool, carried: Mapping[torch.Tensor, Member]) -> Plan:
        self._refuse_eval_mode()
        groups = self.followed()
        for followed, group in zip(groups, self.param_groups, strict=True):
            for p in group["params"]:
                refuse_storage(followed, p)
                refuse_shards(followed, p)
                refuse_gradient(followed, p)
        members = [
            Member(p, number, *state_of(self._state, p, followed), p.grad) if p.grad is not None else carried[p]
            for number, (followed, group) in enumerate(zip(groups, self.param_groups, strict=True))
            for p in group["params"]
            if p.grad is not None or p in carried
        ]
        self._keep_numbers(groups)
        return Plan(
            params,
            [len(group["params"]) for group in self.param_groups],
            groups,
            members,
            list(self._state.values()),
            self._numbers,
            unscaling=unscaling,
            differentiable=self.defaults["differentiable"],
        )

    def _keep_numbers(self, groups: Sequence[Followed]) -> None:
        """See to it that what the states count and remember lies together."""
        for name in dict.fromkeys([COUNT, *(name for followed in groups for name in followed.rule.memory)]):
            states = [state for state in self._state.values() if name in state]
            if name not in self._numbers or not self._numbers[name].covers(states):
                self._numbers[name] = Numbers(states, name)

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
    def averaged(self) -> Iterator[None]:
        """Within `with optimizer.averaged():` the parameters hold the moving averages that `ema=` keeps.

        A parameter that has made no step yet keeps its value; step() is refused within.
        """
        if all(group["ema"] is None for group in self.param_groups):
            raise ValueError("averaged() needs averages to show; make the optimizer with ema=, as in ema=0.999")
        if self._averaging:
            raise RuntimeError("averaged() within averaged(): the parameters hold the averages already")
        self._averaging = True
        try:
            with holding_averages(self._state):
                yield
        finally:
            self._averaging = False

    @torch.no_grad()
    def _switch(self, train_mode: bool) -> None:
        self._refuse_averages()
        followed = [self._read(group) for group in self.param_groups]
        for group, (rule, hyperparameters) in zip(self.param_groups, followed, strict=True):
            if train_mode and not group["train_mode"] and rule.evaluation_point is None:
                take_theta(self._state, group["params"])
            group["train_mode"] = train_mode
            where = rule.gradient_point if train_mode else rule.evaluation_point
            move(self._state, group["params"], rule, hyperparameters, where)

    # -------------------------------------------------------------------------------------------- saving and loading

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: torch's part, and which options were given, for groups that are added later."""
        return {**super().__getstate__(), "_written": self._written, "_given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a saved or copied state, after it has been found to fit; both copying and loading come by here."""
        defaults = state.get("defaults") or self.defaults
        every = []
        for group in state.get("param_groups", ()):
            refuse_foreign_group(type(self).__name__, self.forms, group, defaults)
            complete(group, self.forms, defaults)
            every.append(followed := self._followed(group))
            for p in group["params"]:
                refuse_storage(followed, p)
                refuse_foreign_state(type(self).__name__, followed.rule, p, state["state"].get(p, {}))
        refuse_several_bounds(every)
        super().__setstate__(state)
        self._state, self._state_was_shown = self.__dict__.pop("state"), True  # torch writes past the property
        self._forget_plan()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state: this class's own, or its namesake's in torch.optim.

        By the parameters' names where both sides have them (`SGD(model.named_parameters())`), else by order. Raises
        ValueError, with nothing changed, for a state of another optimizer or of parameters of other names or shapes.
        """
        refuse_no_state_dict(state_dict)
        seen: dict[str, Any] = {}

        # a pre-hook of the user's may exchange the dict; this one, registered last, sees what is loaded
        def see(_: Any, given: dict[str, Any]) -> dict[str, Any]:
            loaded = by_name(self, given)
            refuse_other_kinds(loaded, self.param_groups)
            seen.update(loaded)
            return loaded

        hook = self.register_load_state_dict_pre_hook(see)
        try:
            super().load_state_dict(state_dict)
        finally:
            hook.remove()
        take_copies(self._state, self.param_groups, self.followed(), seen)


def _directly(method: Callable[..., Any]) -> Callable[..., Any]:
    """torch's method without its wrapper, which loads torch's compiler when it is first called: seconds."""
    return method if torch.compiler.is_compiling() else getattr(method, "__wrapped__", method)


def _is_constant(value: Any) -> bool:
    """Whether a pair (betas) is a tuple of plain numbers; a tensor's or a list's numbers can change in place."""
    return isinstance(value, tuple) and not any(isinstance(v, torch.Tensor) for v in value)
