#!/usr/bin/env python3
"""Random PromQL over the whole subset that nlsim evaluates, the same for the same seed.

queries.py SEED COUNT prints [{"query": …, "time_ms": …}, …] for the series of
tests/golden/prometheus/queries.json.gz and for those of `edge_series` below, which have what real
exporters rarely have: NaN, infinities, resets, gaps, broken histograms, names that collide.

Left out, as edition 3 changed it or nothing orders it: stddev and stdvar of what is no number, which of
equal values topk takes, a name that atan2 keeps, comparisons that filter before they count matches,
steps that no subquery has, durations of nothing, remainders of sums.
"""
import json
import random
import re
import sys

GAUGES = ["temperature", "queue_depth", "node_cpu_cores", "celery_queue_length", "edge", "twin_a"]
COUNTERS = ["http_requests_total", "request_duration_seconds_sum", "request_duration_seconds_count",
            "flat_total", "jumpy_total", "old_total"]
BUCKETS = ["request_duration_seconds_bucket", "odd_bucket"]
INFOS = ["kube_pod_info", "kube_node_info"]
LABELS = ["job", "pod", "namespace", "code", "queue", "node", "zone", "le", "kind", "nope"]
MATCHERS = ['job="api"', 'job!="api"', 'job=~"a.*"', 'job=~"a"', 'job!~"w.+"', 'job=~"api|worker"', 'pod=~".*-[0-3]"',
            'pod=~"api-\\\\d"', 'code="200"', 'code=~"5.."', 'code!~"2.."', 'queue=""', 'queue!=""', 'nope=""',
            'nope=~".*"', 'nope!~".+"', 'job=~"(?i)API"', 'kind=~"nan|inf"', 'zone=~"[ab]"', "namespace='neurolake'",
            'pod=~"api-0|api-2|"', 'job=~""', 'le!="+Inf"', 'le=~"0\\\\.1|1|.Inf"', 'pod!~"^api-0$"']
RANGES = ["1m", "90s", "2m", "5m", "7m30s", "1m1ms", "10m", "1h", "31s"]
STEPS = ["", "15s", "30s", "1m", "17s", "59s"]
OVER_TIME = ["avg", "min", "max", "sum", "count", "stddev", "stdvar", "last", "present"]
RATES = ["rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets"]
MATHS = ["abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "round", "sort", "sort_desc", "timestamp",
         "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad",
         "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"]
NUMBERS = ["0", "1", "2", "-1", "0.5", "1e3", "0x1F", ".5", "Inf", "-Inf", "NaN", "3.7", "100", "1e-3", "1e100"]
REPLACEMENTS = ["$1", "x", "", "${1}-y", "$1$2", "$0", "$1x", "$$", "${1", "$n"]
PATTERNS = ["(.*)", "(a|w)(.*)", "", "api-(.)", ".*", "(?P<n>[a-z]+).*", "api"]
# The order of equal values is nobody's promise; edition 2 moves what these functions see with each step in spite of `@`.
DIFFERS = re.compile(r"^(sort|topk|bottomk)|(predict_linear|timestamp)\(.*@")


def edge_series():
    """Series as the recording has them: what is not a number, what resets, what is no histogram."""
    def one(samples, **labels):
        return {"labels": labels, "samples": [[time, value] for time, value in samples]}
    times = range(0, 3_600_000, 20_000)
    draw = random.Random(1)
    special = {"nan": ["NaN"], "inf": ["+Inf"], "minus": ["-Inf"], "zero": [-0.0, 0.0],
               "mixed": ["NaN", 1.0, "+Inf", -2.5], "half": [-0.5, -1.5, -2.5]}
    made = [one([(t, draw.choice(values)) for t in times], __name__="edge", kind=kind)
            for kind, values in special.items()]
    for name in ["twin_a", "twin_b"]:
        for pod in ["api-0", "api-2"]:
            made.append(one([(t, draw.randint(0, 9)) for t in times if name == "twin_a" or t > 1_500_000],
                            __name__=name, pod=pod, job="api"))
    # A metric that was renamed: the same labels, never at the same time.
    for name, since, until in [("old_total", 0, 1_500_000), ("new_total", 2_000_000, 3_600_000)]:
        made.append(one([(t, t // 1000) for t in times if since <= t < until], __name__=name, pod="api-0", job="api"))
    made.append(one([(t, draw.randint(0, 50)) for t in times if draw.random() < 0.7],
                    __name__="jumpy_total", pod="api-0", job="api"))
    histograms = {"open": "0.1 1", "negative": "-1 0 1 +Inf", "falls": "1 2 3 +Inf", "twice": "1 1.0 2 +Inf", "one": "+Inf",
                  "words": "1 two +Inf", "zero": "1 +Inf", "nan": "1 2 +Inf", "exponent": "1e-3 1e3 +Inf"}
    for kind, bounds in histograms.items():
        for index, bound in enumerate(bounds.split()):
            def count(t):
                if kind in ("zero", "nan"):
                    return 0 if kind == "zero" else "NaN" if index == 1 else t // 20_000
                return (t // 20_000) * (9 - index if kind == "falls" and index < 3 else 2 * index + 1)
            made.append(one([(t, count(t)) for t in times], __name__="odd_bucket", kind=kind, le=bound))
    return made


class Generator:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.pick = self.draw.choice

    def maybe(self, chance, text):
        return text() if self.draw.random() < chance else ""

    def labels(self, most=3):
        return ", ".join(self.draw.sample(LABELS, self.draw.randint(0, most)))

    def where(self):
        """`@` and `offset`, in either order."""
        times, offsets = ["start()", "end()", "1800", "1234.567", "600", "-5", "1e3"], ["1m", "-1m", "17s", "5m", "-30s", "1h30m"]
        parts = [self.maybe(0.12, lambda: f" @ {self.pick(times)}"), self.maybe(0.2, lambda: f" offset {self.pick(offsets)}")]
        self.draw.shuffle(parts)
        return "".join(parts)

    def selector(self, names=None):
        name = self.pick(names or self.pick([GAUGES, COUNTERS, BUCKETS, INFOS]))
        matchers = self.draw.sample(MATCHERS, self.pick([0, 0, 0, 0, 1, 1, 2]))
        if self.draw.random() < 0.08:
            matchers.append(self.pick(['__name__=~"twin_.*"', '__name__=~"(old|new)_total"', '__name__=~"queue_depth|temperature"',
                                       '__name__="edge"', '__name__=~"flat"']))
            return "{" + ",".join(matchers) + "}"
        return name + ("{" + ",".join(matchers) + self.maybe(0.1, lambda: ",") + "}" if matchers else self.maybe(0.05, lambda: "{}"))

    def matrix(self, depth, names=None):
        if depth > 0 and self.draw.random() < 0.3:
            return f"{self.bracketed(depth - 1)}[{self.pick(RANGES[:-1])}:{self.pick(STEPS)}]{self.where()}"
        return f"{self.selector(names)}[{self.pick(RANGES)}]{self.where()}"

    def bracketed(self, depth):
        return self.selector() if self.draw.random() < 0.3 else f"({self.vector(depth)})"

    def scalar(self, depth):
        if depth <= 0 or self.draw.random() < 0.6:
            return self.pick(NUMBERS)
        signs = ["+", "-", "*", "/", "%", "^", "> bool", "== bool", "<= bool"]
        return self.pick([lambda: f"scalar({self.vector(depth - 1)})", lambda: "time()", lambda: "pi()",
                          lambda: f"-({self.scalar(depth - 1)})", lambda: "2 ^ 3 ^ 2", lambda: "-2 ^ 2",
                          lambda: f"({self.scalar(depth - 1)} {self.pick(signs)} {self.scalar(depth - 1)})"])()

    def aggregate(self, depth):
        name = self.pick(["sum", "avg", "min", "max", "count", "group", "quantile", "topk", "bottomk", "count_values"])
        grouping = self.maybe(0.7, lambda: f"{self.pick(['by', 'without'])} ({self.labels()})")
        parameter = {"topk": self.pick(["1", "2", "3", "0", "-1", "100", "1.9"]),
                     "quantile": self.pick(["0", "0.5", "0.9", "1", "-0.1", "2", "NaN"]),
                     "count_values": self.pick(['"v"', '"job"', '"pod"'])}.get({"bottomk": "topk"}.get(name, name))
        inner = self.vector(depth - 1)
        if name in ("topk", "bottomk"):
            inner = self.pick(["temperature", "rate(http_requests_total[5m])", "request_duration_seconds_sum", "temperature > 0"])
        elif name == "count_values":
            inner = f"floor(abs({inner}))"
        inner = f"({parameter + ', ' if parameter else ''}{inner})"
        return f"{name} {grouping} {inner}" if self.draw.random() < 0.5 else f"{name}{inner} {grouping}"

    def binary(self, depth):
        sign = self.pick(["+", "-", "*", "/", "^"] * 2 + ["==", "!=", ">", "<", ">=", "<="] * 2 + ["and", "or", "unless"])
        is_set = sign in ("and", "or", "unless")
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        matching = self.maybe(0.6, lambda: f" {self.pick(['on', 'on', 'ignoring'])} ({self.labels()})")
        if not is_set:
            is_comparison = sign in ("==", "!=", ">", "<", ">=", "<=")
            if self.draw.random() < 0.3:
                is_comparison &= self.draw.random() < 0.4
                left, right = self.draw.sample([self.scalar(depth - 1), right], 2)
                matching = ""
            if matching and self.draw.random() < 0.5:
                matching += f" {self.pick(['group_left', 'group_right'])}" + self.maybe(0.6, lambda: f" ({self.labels(2)})")
            if is_comparison:
                sign += " bool"
        if "group" not in matching and self.draw.random() < 0.35:
            return f"{left} {sign}{matching} {right}"
        return f"({left}) {sign}{matching} ({right})"

    def join(self):
        """Joins as people write them, most of which do match."""
        return self.pick([
            lambda: f"{self.selector(COUNTERS + GAUGES)} * on (pod) group_left (node) kube_pod_info{self.where()}",
            lambda: f"kube_pod_info * on (node) group_left (zone) {self.pick(['kube_node_info', 'node_cpu_cores'])}",
            lambda: f"node_cpu_cores {self.pick(['<', '>', '>=', '== bool', '/'])} on (node) group_right (created_by) kube_pod_info",
            lambda: f"sum by (pod, code) (rate(http_requests_total[5m])) / ignoring (code) group_left "
                    f"sum by (pod) (rate({self.selector(COUNTERS)}[5m]))",
            lambda: f"queue_depth {self.pick(['>', '<', '==', '!='])} on (pod) temperature{self.where()}",
            lambda: f"avg by (job) (temperature) {self.pick(['<', '>'])} on (job) group_right {self.pick(['temperature', 'twin_a'])}"])()

    def call(self, depth):
        vector = lambda: self.vector(depth - 1)
        text = lambda values: json.dumps(self.pick(values))
        label = lambda: text(LABELS[:5] + ["le", "__name__", "new"])
        return self.pick([
            lambda: f"{self.pick(RATES)}({self.matrix(depth, COUNTERS + GAUGES)})",
            lambda: f"{self.pick(RATES[:3])}({self.matrix(0, COUNTERS)})",
            lambda: f"{self.pick(OVER_TIME)}_over_time({self.matrix(depth)})",
            lambda: f"quantile_over_time({self.scalar(1)}, {self.matrix(depth)})",
            lambda: f"predict_linear({self.matrix(depth)}, {self.scalar(1)})",
            lambda: f"{self.pick(MATHS)}({vector()})", lambda: f"{self.pick(MATHS)}({vector()})",
            lambda: f"round({vector()}, {self.scalar(1)})",
            lambda: f"clamp({vector()}, {self.scalar(1)}, {self.scalar(1)})",
            lambda: f"clamp_{self.pick(['min', 'max'])}({vector()}, {self.scalar(1)})",
            lambda: f"histogram_quantile({self.scalar(1)}, {self.pick(['rate', 'increase'])}({self.matrix(0, BUCKETS)}))",
            lambda: f"histogram_quantile({self.pick(['0.5', '0.9', '0', '1', '0.99'])}, "
                    f"sum by (le, {self.labels(2) or 'kind'}) (rate({self.matrix(0, BUCKETS)})))",
            lambda: f"histogram_quantile({self.scalar(1)}, {self.selector(BUCKETS)}{self.where()})",
            lambda: f"label_replace({vector()}, {label()}, {text(REPLACEMENTS)}, {label()}, {text(PATTERNS)})",
            lambda: f"label_join({', '.join([vector(), label(), text(['-', '', ','])] + [label() for _ in range(self.draw.randint(0, 3))])})",
            lambda: f"absent({self.pick([self.selector, vector])()})", lambda: f"absent_over_time({self.matrix(depth)})",
            lambda: f"vector({self.scalar(depth)})", lambda: f"-{self.pick(GAUGES)}{self.where()}", lambda: f"-(sum by ({self.labels()}) ({vector()}))"])()

    def vector(self, depth):
        if depth <= 0:
            return self.selector() + self.where()
        kind = self.draw.random()
        return (self.call(depth) if kind < 0.45 else self.aggregate(depth) if kind < 0.65
                else self.binary(depth) if kind < 0.82 else self.join() if kind < 0.87 else self.selector() + self.where())

    def query(self):
        kind = self.draw.random()
        return self.scalar(3) if kind < 0.03 else self.matrix(2) if kind < 0.08 else self.vector(self.pick([1, 2, 2, 3, 3]))


def error(query, text):
    """A refusal as nlsim words it: without where it was asked, the two series of a duplicate in order.
    Nothing where these are any two of a map, as of histograms and of steps."""
    if "found duplicate series" in text and re.search("histogram_quantile|:", query):
        return None
    text = re.sub(r'^invalid parameter "query": ', "", text)
    order = lambda found: found[1] + ", ".join(sorted(re.findall(r"\{[^}]*\}", found[2]))) + found[3]
    return re.sub(r"(hand-side of the operation: \[)(.*)(\];many-to-many)", order, text)


def random_queries(seed, count):
    generator, rows = Generator(seed), []
    while len(rows) < count:
        query = generator.query()
        time = generator.pick([generator.draw.randrange(400_000, 3_600_000), 1_800_003])
        if not DIFFERS.search(query):
            rows.append({"query": query, "time_ms": time})
    return rows


if __name__ == "__main__":
    json.dump(random_queries(int(sys.argv[1]), int(sys.argv[2])), sys.stdout, indent=0)
