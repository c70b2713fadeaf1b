"""The meaning of policies, a second time: written from docs/rules.md and docs/policy-files.md, not from the evaluator.

Reads one JSON document a line from standard input, {"policy": ..., "questions": [...]}, and answers each with a line: a list
of verdicts {decision, explain, watched}. The standard library only; time zones are the machine's own database.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

WORD = 1 << 256
DANGEROUS = {"delegate", "raw_call", "raw_typed_data", "raw_message", "deploy"}
MESSAGES = {"permit", "ownership_proof", "typed_message", "raw_message", "raw_typed_data"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NOBODY, UNTOLD = "nobody", "untold"


class Refusal(Exception):
    """A deny: its code without `policy.`."""


class Named(Exception):
    """A deny and who speaks it."""

    def __init__(self, rule, code):
        self.said = [rule, "policy." + code]


def whole(number):
    """Arithmetic of 256 bits: what does not fit is refused."""
    if number >= WORD:
        raise Refusal("overflow")
    return number


# Time ------------------------------------------------------------------------------------------------------------------


def instant(ms):
    return EPOCH + timedelta(seconds=ms // 1000)


@lru_cache(maxsize=None)
def zone_of(name):
    return ZoneInfo(name)


@lru_cache(maxsize=65536)
def wall(name, ms):
    """What a clock on the wall of the zone shows."""
    return instant(ms).astimezone(zone_of(name)).replace(tzinfo=None)


@lru_cache(maxsize=65536)
def first_showing(name, day):
    """The first instant, in ms, at which the zone's clocks show that day's midnight or, where they skip it, later.

    Found by looking at clocks only: minute by minute over the hours in which it can be, for all zones' clocks go by whole
    minutes since 1972.
    """
    midnight = datetime(*day)
    zone = zone_of(name)
    at = midnight.replace(tzinfo=timezone.utc) - timedelta(hours=27)
    for step in (timedelta(hours=1), timedelta(minutes=1)):
        # No clock is put back by more than a few hours: from four hours before the first hit, look closer.
        while at.astimezone(zone).replace(tzinfo=None) < midnight:
            at += step
        if step > timedelta(minutes=1):
            at -= timedelta(hours=4)
    return max(0, int((at - EPOCH).total_seconds()) * 1000)


def beginning(name, period, ms):
    today = wall(name, ms).date()
    if period == "week":
        today -= timedelta(days=today.isoweekday() - 1)
    elif period == "month":
        today = today.replace(day=1)
    return first_showing(name, (today.year, today.month, today.day))


# What an effect is -------------------------------------------------------------------------------------------------------


class Thing:
    """An effect, in the words that rules use."""

    def __init__(self, effect):
        self.effect = effect
        kind = self.kind = effect["kind"]
        self.network = effect["network"]
        self.takes = {}
        if "asset" in effect:
            self.takes[effect["asset"]] = int(effect["amount"])
        elif "value" in effect:
            # A call and raw bytes take the chain's coin, be it none of it.
            self.takes[self.network] = int(effect["value"])
        who = effect.get("gains")
        if who is not None:
            self.gains = self.network + "/" + who
        else:
            self.gains = UNTOLD if kind in DANGEROUS else NOBODY
        # Whom it pays is no contract, though it may have code.
        self.contract = None if kind in ("transfer", "transfer_from") else self.gains
        self.on_chain = kind not in MESSAGES


# A policy set, indexed -----------------------------------------------------------------------------------------------------


class Book:
    def __init__(self, policy):
        self.policy = policy
        self.people = set(policy["people"])
        self.groups = {name: set(members) for name, members in policy["groups"].items()}
        self.networks = set(policy["networks"])
        self.decimals = policy["assets"]
        self.vaults = {vault["index"]: vault for vault in policy["vaults"]}
        self.wallet_tags = {(w["vault"], w["wallet"]): set(w["tags"]) for w in policy["wallets"]}
        self.lists_at, self.tags_at, self.ours = {}, {}, set()
        for one in policy["lists"]:
            for place in one["entries"]:
                self.lists_at.setdefault(place, set()).add(one["name"])
                self.tags_at.setdefault(place, set()).update(one["tags"])
        for one in policy["wallets"]:
            for place in one["addresses"]:
                self.ours.add(place)
                self.tags_at.setdefault(place, set()).update(one["tags"])

    def is_at(self, wanted, place, contract):
        """Whether a place (`network/address`, or UNTOLD) is as a destination says."""
        sort, _, name = wanted.partition(":")
        if sort == "list":
            return name in self.lists_at.get(place, ())
        if sort == "tag":
            return name in self.tags_at.get(place, ())
        if sort == "internal":
            return place in self.ours
        if sort == "unlisted":
            return place not in self.ours and not self.lists_at.get(place)
        return contract is not None and name == contract

    def word_is(self, test, word, network):
        if "one_of" in test:
            return word in map(int, test["one_of"])
        if "least" in test:
            return int(test["least"]) <= word <= int(test["most"])
        if word >> 160:
            return False
        place = f"{network}/{word:040x}"
        return any(self.is_at(wanted, place, None) for wanted in test["to"])


# One question ----------------------------------------------------------------------------------------------------------------


class Inquiry:
    def __init__(self, book, question):
        self.book, self.q = book, question
        self.vault = book.vaults.get(question["vault"])
        self.things = [Thing(effect) for effect in question["effects"]]
        self.now = question["now"]
        self.coin = question["network"]
        self.fee = int(question["fee"])
        self.weighed = {}

    def known(self):
        here = self.q["network"]
        return (
            self.vault is not None
            and self.q["initiator"] in self.book.people
            and here in self.book.networks
            and all(t.network == here and all(a in self.book.decimals for a in t.takes) for t in self.things)
        )

    # Sums

    def flow(self, things):
        """What leaves by these and the fee, by asset."""
        flow = {self.coin: self.fee}
        for thing in things:
            for asset, amount in thing.takes.items():
                flow[asset] = flow.get(asset, 0) + amount
        return flow

    def measured(self, measure, flow):
        if measure == "count":
            return 1
        if measure != "usd":
            return whole(flow.get(measure, 0))
        dollars = 0
        # The coin, then tokens by contract; each asset's sum is rounded up.
        for asset in sorted(flow):
            amount = whole(flow[asset])
            if amount == 0:
                continue
            if asset not in self.q["prices"]:
                raise Refusal("price_missing")
            unit = whole(10 ** self.book.decimals[asset])
            product = whole(amount * int(self.q["prices"][asset]))
            dollars = whole(dollars + -(-product // unit))
        return dollars

    # Limits

    def subjects(self, limit):
        """(subject, amount) for each that the limit counts by itself."""
        per = limit["per"]
        if per == "destination":
            by = {}
            for thing in self.things:
                by.setdefault(None if thing.gains in (NOBODY, UNTOLD) else thing.gains, []).append(thing)
            order = sorted(by, key=lambda who: (who is not None, len(who or ""), who or ""))
            asked = [("to:" + (who or "?"), self.measured(limit["measure"], self.flow(by[who]))) for who in order]
        else:
            subject = {
                "vault": "vault",
                "wallet": "wallet:" + self.q["wallet"],
                "initiator": "initiator:" + self.q["initiator"],
            }[per]
            asked = [(subject, self.measured(limit["measure"], self.flow(self.things)))]
        return [(f'{self.vault["index"]}|{limit["name"]}|{limit["measure"]}|{s}', n) for s, n in asked if n > 0]

    def counts(self, window, intent, latest):
        if window == "until_final":
            return intent not in self.q["final"]
        if "rolling_s" in window:
            return self.now < latest + 1000 * window["rolling_s"]
        return latest >= beginning(window["zone"], window["period"], self.now)

    def weigh(self, name):
        """The charges of the limit of this name: memory holds each intent once, dearest version, latest time."""
        limit = next(one for one in self.vault["limits"] if one["name"] == name)
        charges = []
        for key, asked in self.subjects(limit):
            versions = {}
            for entry in self.q["spent"]:
                if entry["limit"] == key:
                    dearest, latest = versions.get(entry["intent"], (0, 0))
                    versions[entry["intent"]] = max(dearest, int(entry["amount"])), max(latest, entry["at"])
            own = versions.pop(self.q["intent"], (0, 0))[0]
            amount = max(own, asked)
            others = sum(n for who, (n, latest) in versions.items() if self.counts(limit["window"], who, latest))
            # More than 256 bits is more than any limit.
            if others + amount > int(limit["most"]) or others + amount >= WORD:
                raise Refusal("limit_exceeded")
            charges.append([key, str(amount), limit["most"], limit["window"]])
        return charges

    # Conditions: of one effect, by their words

    def of_effect(self, rule, thing):
        """The first condition on a single effect that does not hold; None where all do."""
        when, block = rule["when"], rule["then"] == "block"
        named = when.get("kinds")
        if thing.kind not in named if named else (thing.kind in DANGEROUS and not block):
            return "kinds"
        if "networks" in when and thing.network not in when["networks"]:
            return "networks"
        if "assets" in when and not set(when["assets"]) & set(thing.takes):
            return "assets"
        if "calls" in when and not any(self.is_call(c, thing) for c in when["calls"]):
            return "calls"
        if "messages" in when and not any(self.is_message(m, thing) for m in when["messages"]):
            return "messages"
        if "destinations" in when:
            if thing.gains == NOBODY:
                passes = not block
            else:
                passes = any(self.book.is_at(d, thing.gains, thing.contract) for d in when["destinations"])
            if not passes:
                return "destinations"
        return None

    def is_call(self, wanted, thing):
        effect = thing.effect
        if thing.kind != "call" or any(wanted[k] != effect[k] for k in ("network", "function")):
            return False
        if wanted["contract"] != effect["gains"]:
            return False
        head = bytes.fromhex(effect["data"])[4:]
        for argument in wanted["arguments"]:
            word = head[32 * argument["word"] :][:32]
            if len(word) < 32 or not self.book.word_is(argument["test"], int.from_bytes(word, "big"), thing.network):
                return False
        return True

    def is_message(self, wanted, thing):
        effect = thing.effect
        if thing.kind != "typed_message" or any(wanted[k] != effect[k] for k in ("network", "type")):
            return False
        if wanted["contract"] != effect["gains"]:
            return False
        for field in wanted["fields"]:
            words = [int(f[1]) for f in effect["fields"] if f[0] == field["field"]]
            if len(words) != 1 or not self.book.word_is(field["test"], words[0], thing.network):
                return False
        return True

    # Conditions: of the intent

    def of_intent(self, rule):
        """As `of_effect`, of the whole intent. Raises what cannot be known."""
        when = rule["when"]
        for tag in ("initiators", "sources", "validity", "hours", "coins", "amounts", "within"):
            if not getattr(self, "in_" + tag)(when):
                return tag
        return None

    def in_initiators(self, when):
        me = self.q["initiator"]
        wanted = when.get("initiators")
        return wanted is None or any(
            name == me if sort == "person" else me in self.book.groups[name] for sort, name in wanted
        )

    def in_sources(self, when):
        wallet = self.q["wallet"]
        tags = self.book.wallet_tags.get((self.q["vault"], wallet), ())
        wanted = when.get("sources")
        return wanted is None or any(name == wallet if sort == "wallet" else name in tags for sort, name in wanted)

    def in_validity(self, when):
        return when.get("from", 0) <= self.now and (when.get("until") is None or self.now < when["until"])

    def in_hours(self, when):
        def inside(span):
            shows = wall(span["zone"], self.now)
            minute = shows.hour * 60 + shows.minute
            return shows.isoweekday() in span["days"] and span["from"] <= minute < span["to"]

        return "hours" not in when or any(map(inside, when["hours"]))

    def in_coins(self, when):
        bounds, coins = when.get("coins"), self.q["coins"]
        if bounds is None or coins == "undecided":
            return True
        if coins is None:
            return False
        return all(bounds[k] is None or int(coins[k]) <= int(bounds[k]) for k in ("inputs", "outputs", "value"))

    def in_amounts(self, when):
        for band in when.get("amounts", ()):
            takes = self.measured(band["of"], self.flow(self.things))
            if band["above"] is not None and not takes > int(band["above"]):
                return False
            if band["at_most"] is not None and not takes <= int(band["at_most"]):
                return False
        return True

    def in_within(self, when):
        for name in when.get("within", ()):
            try:
                self.weigh(name)
            except Refusal as refusal:
                if refusal.args != ("limit_exceeded",):
                    raise
                return False
        return True

    # Terms

    def terms(self, rule):
        """What the rule charges. Raises what denies."""
        then = rule["then"]
        if self.q["signers"] is not None and not set(then["signers"]) <= set(self.q["signers"]):
            raise Refusal("signer_missing")
        if any(network == self.coin and self.fee > int(most) for network, most in then["max_fees"].items()):
            raise Refusal("fee_cap")
        for cap in then["caps"]:
            takes = self.measured(cap["of"], self.flow(self.things))
            if "most" in cap:
                over = takes > int(cap["most"])
            elif takes == 0:
                over = False
            else:
                if cap["of"] not in self.q["balances"]:
                    raise Refusal("balance_missing")
                wanted = whole(takes * 10_000)
                over = wanted > whole(int(self.q["balances"][cap["of"]]) * cap["share"])
            if over:
                raise Refusal("transaction_cap")
        return [c for name in [*rule["when"].get("within", ()), *then["limits"]] for c in self.weigh(name)]

    def vacant(self, rule):
        """The approvals that are missing: of the way that lacks the fewest people, the first of several."""
        wanted = rule["then"]["approvals"]
        if wanted is None:
            return []
        approved = set(self.q["approvals"])
        if not wanted["initiator_counts"]:
            approved.discard(self.q["initiator"])
        best = None
        for way in wanted["any_of"]:
            takers = [approved & self.book.groups[group] for group, _ in way]
            lacks = [
                [rule["name"], group, count - len(taken), "any"]
                for (group, count), taken in zip(way, takers)
                if count > len(taken)
            ]
            seen = set().union(*takers) & set(self.q["independent"])
            if wanted["independent"] and not seen:
                if lacks:
                    lacks[0][3] = "independent"
                else:
                    lacks = [[rule["name"], way[0][0], 1, "independent"]]
            if best is None or sum(l[2] for l in lacks) < sum(l[2] for l in best):
                best = lacks
        return best

    # The verdict

    def reached(self, rule, things):
        """Of these the effects that the rule matches; what cannot be known denies in its name."""
        matched = [t for t in things if self.of_effect(rule, t) is None]
        if not matched:
            return []
        try:
            return matched if self.of_intent(rule) is None else []
        except Refusal as refusal:
            raise Named(rule["name"], refusal.args[0]) from None

    def decide(self):
        if not self.known():
            raise Named("default", "unknown")
        if self.vault["temperature"] == "cold":
            raise Named("default", "cold_vault")
        homeless, used = list(self.things), []
        for rule in self.vault["rules"]:
            if rule["then"] == "block":
                if self.reached(rule, self.things):
                    raise Named(rule["name"], "denied")
            else:
                matched = self.reached(rule, homeless)
                if matched:
                    used.append(rule)
                    homeless = [t for t in homeless if t not in matched]
        if homeless or not used:
            raise Named("default", "not_permitted")
        bitcoin = self.coin.startswith("bitcoin:")
        if bitcoin and (self.fee > 0 or any(t.on_chain for t in self.things)):
            if not any(self.coin in rule["then"]["max_fees"] for rule in used):
                raise Named("default", "fee_cap")
        charges, missing = {}, []
        for rule in used:
            try:
                for charge in self.terms(rule):
                    charges[charge[0]] = charge
            except Refusal as refusal:
                raise Named(rule["name"], refusal.args[0]) from None
            missing += self.vacant(rule)
        names = [rule["name"] for rule in used]
        if missing:
            return {"needs": missing, "rules": names}
        return {"allow": [charges[key] for key in sorted(charges)], "rules": names}

    def explain(self):
        if not self.known():
            return "policy.unknown"
        steps = []
        for rule in self.vault["rules"]:
            unknown = general = None
            try:
                general = self.of_intent(rule)
            except Refusal as refusal:
                unknown = "policy." + refusal.args[0]
            misses = {self.of_effect(rule, t) or general or "" for t in self.things}
            steps.append([rule["name"], sorted(misses), unknown])
        return steps

    def watched(self):
        if not self.known():
            return []
        names = {name for rule in self.vault["rules"] for name in rule["when"].get("within", ())}
        keys = set()
        for limit in self.vault["limits"]:
            if limit["name"] in names:
                try:
                    keys.update(key for key, _ in self.subjects(limit))
                except Refusal:
                    pass
        return sorted(keys)

    def verdict(self):
        try:
            decision = self.decide()
        except Named as named:
            decision = {"deny": named.said}
        return {"decision": decision, "explain": self.explain(), "watched": self.watched()}


def main():
    for line in sys.stdin:
        case = json.loads(line)
        book = Book(case["policy"])
        verdicts = [Inquiry(book, question).verdict() for question in case["questions"]]
        sys.stdout.write(json.dumps(verdicts) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
