"""One provider's pool: which credential may make the next call, and what calls teach. Pure: `now` is an argument.

Among usable credentials, the one with the fewest running calls is picked, then the one whose quota expires soonest,
then the one with the most left. A credential that is resting, has a full window or has as many running calls as it
can take is never picked.
"""

from functools import partial
from zlib import crc32

from inference_service.credentials.affinity import Ring
from inference_service.credentials.books import Books, believed
from inference_service.credentials.calls import Call, Calls
from inference_service.credentials.correction import correct
from inference_service.credentials.denial import denial
from inference_service.credentials.lane import Credential, Lane, Lot
from inference_service.credentials.lessons import refused
from inference_service.credentials.pacing import Norm, Pacing
from inference_service.credentials.quota import NEVER
from inference_service.credentials.types import Ask, Cooldown, CredentialView, Denied, PoolSpec, Verdict
from inference_service.credentials.views import credential_views, open_rests
from inference_service.failures import Scope
from inference_service.quotas import LimitFact, Unit

FIRST_QUARANTINE, QUARANTINE_GROWTH, LONGEST_QUARANTINE = 300.0, 4.0, 6 * 3_600.0
CANDIDATES = 8


def quarantine(times: int) -> float:
    """Seconds until a refused credential is probed, growing with each refusal."""
    return min(LONGEST_QUARANTINE, FIRST_QUARANTINE * QUARANTINE_GROWTH ** min(times, 8))


class Pool:
    """Mutable, for one process at a time."""

    def __init__(self, spec: PoolSpec, *, lease_time: float) -> None:
        self.spec = spec
        self.books = Books()
        self.pacings: dict[tuple[str, str], Pacing] = {}  # by group and model
        self.norms: dict[str, Norm] = {}
        self.touched: set[Lot] = set()  # what still has to be written to the ledger
        self._credentials: dict[str, Credential] = {}
        self._accounts: dict[str, list[Credential]] = {}  # by group
        self._lanes: dict[str, Lane] = {}
        self._calls = Calls(lease_time)
        self._ring = Ring(())
        self.configure(spec)

    def configure(self, spec: PoolSpec) -> None:
        """Adopts a changed list of credentials and quotas; the remaining ones keep their state."""
        before, self.spec = self._credentials, spec
        self._credentials, self._accounts = {}, {}
        for name, group in zip(spec.credentials, spec.groups, strict=True):
            kept = before.get(name) or Credential(name, group)
            kept.group = group
            self._credentials[name] = kept
            self._accounts.setdefault(group, []).append(kept)
        self.books.configure(spec.quotas, spec.max_concurrent)
        self._ring = Ring(spec.credentials)
        self.rebuild(0.0)

    def rebuild(self, now: float) -> None:
        """Rebuilds the lanes after a change of what they are built on."""
        durations = {model: lane.durations for model, lane in self._lanes.items()}
        self._lanes = {}
        for model in dict.fromkeys((*self.spec.models, *durations)):
            lane = self.lane(model, now)
            lane.durations = durations.get(model, lane.durations)
        self._calls.follow(
            {(model, name): lot for model, lane in self._lanes.items() for name, lot in lane.lots.items()}
        )

    def shift(self, by: float, now: float) -> None:
        """The clock was moved; every pending period keeps its remaining length."""
        for window in (*self.books.declared.values(), *self.books.told.values()):
            window.shift(by, now)
        for pacing in self.pacings.values():
            pacing.shift(by, now)
        for credential in self._credentials.values():
            credential.rests = {model: until + by for model, until in credential.rests.items()}
        self._calls.shift(by)
        self.rebuild(now)

    # --- structure -----------------------------------------------------------------------------

    def lane(self, model: str, now: float) -> Lane:
        lane = self._lanes.get(model)
        if lane is None:
            lane = self._lanes[model] = Lane(model)
            for credential in self._credentials.values():
                windows = self.books.windows(credential.id, credential.group, model)
                lane.lots[credential.id] = Lot(credential, model, self.pacing(credential.group, model), windows)
            for lot in lane.lots.values():
                lane.refresh(lot, now)
        return lane

    def credential(self, name: str) -> Credential | None:
        return self._credentials.get(name)

    def pacing(self, group: str, model: str) -> Pacing:
        key = group, model
        if key not in self.pacings:
            self.pacings[key] = Pacing(group, self.norms.setdefault(model, Norm()))
        return self.pacings[key]

    def _refresh(self, credential: Credential, now: float) -> None:
        """Call after anything that may have changed what a credential, or the account behind it, can take."""
        for lane in self._lanes.values():
            for member in self._accounts.get(credential.group, ()):
                if member.id in lane.lots:
                    lane.refresh(lane.lots[member.id], now)

    def _renew_windows(self, model: str, now: float) -> None:
        """The provider named a window that was not counted so far."""
        for lane in self._lanes.values():
            for lot in lane.lots.values():
                credential = lot.credential
                lot.windows = self.books.windows(credential.id, credential.group, lane.model)
                if lane.model == model:
                    lane.refresh(lot, now)

    # --- picking -------------------------------------------------------------------------------

    def pick(self, ask: Ask, lease: str, now: float) -> str | Denied:
        """The credential for the next call, now on `lease`; or why there is none and for how long."""
        self.tick(now)
        lane = self.lane(ask.model, now)
        chosen = self._preferred(lane, ask, now) if ask.conversation else None
        if chosen is None:
            usable = lane.best(ask, now)
            if not usable:
                return denial(lane, ask, now, self._calls.lingering())
            chosen = usable[0]
        self._take(lane, chosen, ask, lease, now)
        return chosen.credential.id

    def _preferred(self, lane: Lane, ask: Ask, now: float) -> Lot | None:
        """The conversation's own credential, if it can take the call and is not the one testing a higher limit."""
        lane.wake(now)
        for name in self._ring.candidates(ask.conversation):
            lot = lane.lots[name]
            if lot.credential.quarantined or lot.pacing.flying >= max(1, lot.pacing.norm.proven):
                continue
            if lot.hindrance(ask.tokens, ask.pictures, now) is None:
                return lot
        return None

    def _take(self, lane: Lane, lot: Lot, ask: Ask, lease: str, now: float) -> None:
        credential = lot.credential
        marks = []
        for window in lot.counted():
            amount = window.amount(ask.tokens, ask.pictures)
            marks.append((window, window.take(amount, now), amount))
        level = lot.pacing.took(now)
        # The only call of an account counts as accepted as soon as a later one is.
        call = Call(lot, now, marks, crc32(lease.encode()) / 2**32, scout=level > 1 or bool(lot.pacing.slow))
        if not call.scout:
            lot.pacing.quiet = call
        self._calls.begin(lease, call)
        self.touched.add(lot)
        credential.flying += 1
        credential.calls += 1
        credential.last_used = now
        lane.begin(lot, now)

    def candidates(self, ask: Ask, now: float) -> list[tuple[str, str]] | Denied:
        """Credentials that could take the call, with their accounts; best first."""
        self.tick(now)
        lane = self.lane(ask.model, now)
        preferred = self._preferred(lane, ask, now) if ask.conversation else None
        usable = lane.best(ask, now, CANDIDATES)
        if preferred is not None:
            usable = list(dict.fromkeys([preferred, *usable]))
        if not usable:
            return denial(lane, ask, now, self._calls.lingering())
        return [(lot.credential.id, lot.credential.group) for lot in usable]

    def everything(self) -> set[Lot]:
        return {lot for lane in self._lanes.values() for lot in lane.lots.values()}

    def restore(self, rests: list[Cooldown], now: float) -> None:
        """Cooldowns that another process knows of; they never shorten what is known here."""
        for rest in rests:
            credential = self._credentials.get(rest.credential)
            if credential is not None and rest.until > now:
                credential.rests[rest.model] = max(credential.rests.get(rest.model, 0.0), rest.until)
                credential.reason = rest.reason
                if rest.refused:
                    credential.quarantined, credential.refused = True, max(credential.refused, rest.refused)
                self._refresh(credential, now)

    def follow(self, ask: Ask, credential: str, lease: str, now: float) -> None:
        """A call that another store has granted: it is counted here, too."""
        lane = self.lane(ask.model, now)
        if credential in lane.lots:
            self._take(lane, lane.lots[credential], ask, lease, now)

    def perishes(self, ask: Ask, now: float) -> float | None:
        """When quota of the next credential expires; None: no credential is usable."""
        self.tick(now)
        return self.lane(ask.model, now).perishes(now)

    def is_scout(self, lease: str) -> bool:
        call = self._calls.get(lease)
        return call is not None and call.scout

    def denial(self, ask: Ask, now: float) -> Denied:
        """Why there is no credential for `ask` now."""
        self.tick(now)
        lane = self.lane(ask.model, now)
        lane.wake(now)
        return denial(lane, ask, now, self._calls.lingering())

    # --- time ----------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ages the calls."""
        for lease in self._calls.gone(now):
            self._land(lease, now)
        for call in self._calls.taken(now):
            self._accept(call, now)

    def next_change(self, model: str, now: float) -> float:
        """The next moment at which time alone may make room."""
        return min(self._calls.next_change(), self.lane(model, now).next_moment())

    # --- what calls teach ----------------------------------------------------------------------

    def report(self, lease: str, limits: tuple[LimitFact, ...], now: float, at: float = NEVER) -> None:
        """The provider accepted the call at the moment `at`, at the latest now, and `limits` were its counts then."""
        call = self._calls.get(lease)
        if call is None:
            return
        if not call.accepted:
            self._accept(call, now)
        if not call.confirmed:
            self.lane(call.lot.model, now).ways.add(max(0.0, min(at, now) - call.began))
            call.confirm(min(at, now))
        for fact in limits:
            self.touched.add(call.lot)
            self.correct(call.lot, fact, Scope.GROUP_MODEL, call.lot.pacing.flying - 1, now, at=min(at, now))
        if limits or call.lot.full:
            self._refresh(call.lot.credential, now)

    def _accept(self, call: Call, now: float) -> None:
        call.accepted = True
        lot = call.lot
        quiet = lot.pacing.quiet
        if quiet is not None and quiet.began < call.began and not (quiet.accepted or quiet.over):
            quiet.accepted = True
            lot.pacing.accepted(now)
        if lot.pacing.accepted(now):
            self._refresh_busy(self.lane(lot.model, now), now)

    @staticmethod
    def _refresh_busy(lane: Lane, now: float) -> None:
        """More concurrent calls may be allowed."""
        for lot in [*lane.busy.values()]:
            lane.refresh(lot, now)

    def correct(
        self,
        lot: Lot,
        fact: LimitFact,
        scope: Scope,
        others: int,
        now: float,
        *,
        refused: bool = False,
        at: float = NEVER,
    ) -> None:
        credential = lot.credential
        if fact.unit is Unit.CONCURRENT:
            if fact.limit:
                lot.pacing.at_once = fact.limit
            return
        window, new = self.books.named(fact, scope, credential.id, credential.group, lot.model, lot.pacing.sent, now)
        if window is None:
            return
        typical = 1.0 if fact.unit is Unit.REQUESTS else window.typical
        bound = partial(believed, window=fact.window)
        correct(window, fact, others * typical, now, bound, refused=refused, at=at)
        if new:
            self._renew_windows(lot.model, now)

    def release(self, lease: str, verdict: Verdict, now: float) -> None:
        """Ends a lease with what the call taught. An unknown lease is ignored."""
        call = self._calls.get(lease)
        if call is None or call.over:
            return
        call.over = True
        self.touched.add(call.lot)
        credential = call.lot.credential
        is_refusal = (verdict.cooldown is not None or verdict.backoff) and not verdict.quarantine
        call.settle(verdict, refused=is_refusal)
        call.confirm(now)
        call.lot.pacing.over(now, held=call.accepted)
        if is_refusal or not verdict.sent:
            call.lot.pacing.forget(call.began)
        lane = self.lane(call.lot.model, now)
        if verdict.quarantine:
            self._quarantine(credential, verdict, now)
        elif is_refusal:
            refused(self, call, verdict, now)
        elif verdict.good_credential:
            credential.refused, credential.quarantined = 0, False
            if credential.wakes_at(call.lot.model) <= now:
                credential.reason = ""
            lane.durations.add(now - call.began)
            if not call.accepted and verdict.sent:
                self._accept(call, now)
                call.lot.pacing.over(now, held=True)
        if verdict.sent and not is_refusal and self._bounded(call.lot):
            self._calls.linger(lease, now)
        else:
            self._land(lease, now)
        self._refresh(credential, now)

    @staticmethod
    def _bounded(lot: Lot) -> bool:
        learned = lot.pacing.at_once or lot.pacing.norm.at_once
        return bool(learned) or any(window.quota.unit is Unit.CONCURRENT for window in lot.windows)

    def _land(self, lease: str, now: float) -> None:
        """The call is over for the provider as well."""
        call = self._calls.end(lease)
        if call is None:
            return
        call.confirm(now)
        call.lot.credential.flying -= 1
        scouted = call.lot.pacing.norm.scout
        call.lot.pacing.landed()
        if scouted and not call.lot.pacing.norm.scout:
            self._refresh_busy(self.lane(call.lot.model, now), now)
        call.land()
        self._refresh(call.lot.credential, now)

    def _quarantine(self, one: Credential, verdict: Verdict, now: float) -> None:
        one.quarantined = True
        one.rests[""] = now + quarantine(one.refused)
        one.refused += 1
        one.reason = verdict.reason

    def spread(self, lot: Lot, verdict: Verdict, until: float) -> None:
        """Each limit rests at its real scope."""
        credential = lot.credential
        key = lot.model if verdict.scope in (Scope.CREDENTIAL_MODEL, Scope.GROUP_MODEL) else ""
        for member in self._accounts.get(credential.group, ()):
            member.rests[key] = max(member.rests.get(key, 0.0), until)
            member.reason, member.told = verdict.reason, verdict.told
            self.touched.update(lane.lots[member.id] for lane in self._lanes.values() if member.id in lane.lots)

    # --- looking -------------------------------------------------------------------------------

    def rests(self, now: float) -> list[Cooldown]:
        return open_rests(self._credentials.values(), now)

    def lift(self, now: float = 0.0) -> None:
        for credential in self._credentials.values():
            if credential.quarantined:
                credential.quarantined, credential.refused, credential.reason = False, 0, ""
                credential.rests.pop("", None)
                self.touched.update(
                    lane.lots[credential.id] for lane in self._lanes.values() if credential.id in lane.lots
                )
                self._refresh(credential, now)

    def views(self, now: float) -> list[CredentialView]:
        self.tick(now)
        return credential_views(self._credentials.values(), self._lanes.values(), now)
