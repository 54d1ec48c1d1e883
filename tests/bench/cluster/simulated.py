"""Figures at a scale that needs simulated nodes. KWOK plays their kubelets; nobody plays the agents there, so this does:
it watches and writes each trial's final report, one request a trial, as an agent does for a short one."""

import json
import re
import statistics
import threading
import time

from api import Pool, Watch, wait
from stage import JOBS, PODS, TRIALS, bare, job

NODES = 16
PARALLEL = 1000
CLIENTS = 32
# A pod outlives its trial's report, as it does where an agent writes the report and then ends.
RUN_FOR = {"temper.test/run-for": "5s"}


class Agents:
    """The agents of all simulated pods of a namespace: a trial has ended as soon as its pod runs, or `lasting(spec)`
    seconds later. A context manager."""

    def __init__(self, stage, namespace, reuse, lasting=lambda spec: 0):
        self.api, self.namespace, self.reuse, self.lasting = stage.api, namespace, reuse, lasting
        self.pool = Pool(CLIENTS)
        self.lock = threading.Lock()
        self.running, self.waiting = set(), {}
        # When each trial began, and when its report was acknowledged.
        self.began, self.reported = [], []
        pods = f"{PODS.format(namespace)}?labelSelector=app.kubernetes.io/managed-by=temper&fieldSelector=status.phase=Running"
        self.watches = [Watch(self.api, pods, self.see_pod)]
        if reuse:
            self.watches.append(Watch(self.api, TRIALS.format(namespace), self.see_trial))

    def see_pod(self, line, _):
        event = json.loads(line)
        if event["type"] != "ADDED":
            return
        pod = event["object"]["metadata"]
        name = pod["name"]
        if not self.reuse:
            # <trial>-<attempt>
            trial, attempt = name.rsplit("-", 1)
            self.run(0, trial, int(attempt), name, pod["uid"])
            return
        with self.lock:
            self.running.add(name)
            waiting = self.waiting.pop(name, None)
        if waiting:
            self.run(*waiting)

    def see_trial(self, line, _):
        # The echo of a report, and the end of an object.
        if b'"state":"Succeeded"' in line or line.startswith(b'{"type":"DELETED"'):
            return
        trial = json.loads(line)["object"]
        spec = trial["spec"]
        pod = spec.get("pod")
        if not pod:
            return
        known = (self.lasting(spec), trial["metadata"]["name"], spec["attempt"], pod["name"], pod.get("uid"))
        with self.lock:
            if pod["name"] not in self.running:
                self.waiting[pod["name"]] = known
                return
        self.run(*known)

    def run(self, seconds, *trial):
        self.began.append(time.time())
        if seconds:
            threading.Timer(seconds, self.pool.do, (self.report, *trial)).start()
        else:
            self.pool.do(self.report, *trial)

    def report(self, trial, attempt, pod, uid):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = {"apiVersion": "temper.rs/v1alpha1", "kind": "Trial", "metadata": {"name": trial}, "status": {"report": {
            "state": "Succeeded", "attempt": attempt, "pod": {"name": pod} | ({"uid": uid} if uid else {}),
            "resource": 1, "objective": "0.5", "latest": {"value": 0.5}, "best": {"value": 0.5}, "series": [[1, 0.5]],
            "startedAt": now, "finishedAt": now, "exitCode": 0}}}
        path = f"{TRIALS.format(self.namespace)}/{trial}/status?fieldManager=temper-runner&force=true"
        self.api.must("PATCH", path, body, content="application/apply-patch+yaml")
        self.reported.append(time.time())

    def __enter__(self):
        for watch in self.watches:
            watch.__enter__()
        return self

    def __exit__(self, *error):
        for watch in self.watches:
            watch.__exit__(*error)
        self.pool.__exit__(*error)


def middle(times):
    """Events a second between the first tenth of them and the last."""
    times = sorted(times)
    first, last = len(times) // 10, len(times) * 9 // 10
    return (last - first) / (times[last] - times[first])


def bare_pods(stage, count, options):
    """Bare pods a second from creation to deletion by a plain client that keeps PARALLEL of them, and in the middle."""
    namespace = stage.namespace()
    path, deleted = PODS.format(namespace), []
    names = iter(range(count))
    lock = threading.Lock()
    with Pool(CLIENTS) as pool:

        def create():
            with lock:
                number = next(names, None)
            if number is not None:
                stage.api.create(path, bare(f"bare-{number}", "true", RUN_FOR))

        def replace(name):
            stage.api.delete(f"{path}/{name}?gracePeriodSeconds=0")
            deleted.append(time.time())
            create()

        def see(line, _):
            event = json.loads(line)
            if event["type"] == "ADDED":
                pool.do(replace, event["object"]["metadata"]["name"])

        with Watch(stage.api, f"{path}?fieldSelector=status.phase=Succeeded", see):
            began, before = time.time(), stage.processors()
            for _ in range(min(PARALLEL, count)):
                pool.do(create)
            wait("the end of the bare pods", lambda: len(deleted) == count, 60 + count, pool)
            took = deleted[-1] - began
            options.detail("  a bare pod: " + shares(before, stage.processors(), count))
    stage.remove(namespace)
    return count / took, middle(deleted)


def shares(before, after, count):
    """Whose CPU milliseconds each of so many things took."""
    parts = {name: (used - before.get(name, 0)) / count * 1e3 for name, used in after.items()}
    parts = sorted(((used, name) for name, used in parts.items() if used >= 0.1), reverse=True)
    return f"CPU {sum(used for used, _ in parts):.1f} ms: " + ", ".join(f"{name} {used:.1f}" for used, name in parts)


def trials(stage, jobs, parallelism, each, reuse, options):
    """Finished trials a second of so many jobs, from their creation to their end; in the middle; and what the operator
    used for them."""
    namespace = stage.namespace()
    count = jobs * each
    kept = {} if reuse else RUN_FOR
    before, used = stage.metrics(), stage.processors()
    with Agents(stage, namespace, reuse) as agents:
        began = time.time()
        for number in range(jobs):
            body = job(f"job-{number}", "true", each, parallelism, reuse=reuse, retention=options.retention, simulated=kept)
            agents.pool.do(stage.api.create, JOBS.format(namespace), body)
        wait("the reports of all trials", lambda: len(agents.reported) >= count, 120 + count / 10, agents.pool)

        def complete():
            items = stage.api.get(JOBS.format(namespace))["items"]
            return items if all(item.get("status", {}).get("completionTime") for item in items) else None

        ended = wait("the end of the jobs", complete, 120, agents.pool, every=0.1)
        took = time.time() - began
        after, used_by_then = stage.metrics(), stage.processors()
    finished = sum(item["status"]["trials"]["completed"] for item in ended)
    if finished != count:
        raise RuntimeError(f"{finished} of {count} trials were completed: {json.dumps(ended[0]['status'])[:1500]}")
    stage.remove(namespace)
    cpu = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
    rates = (count / took, middle(agents.reported))
    kind = "Reuse" if reuse else "PerTrial"
    options.detail(f"  {jobs} x {parallelism}, {kind}: {rates[0]:.0f}/s in all, {rates[1]:.0f}/s in the middle, "
                   f"{cpu / count * 1000:.1f} CPU s per 1,000, {after['process_resident_memory_bytes'] / 1e6:.0f} MB; "
                   + spent(before, after, count) + "\n    " + shares(used, used_by_then, count))
    return rates, cpu / count * 1000, agents.reported


def spent(before, after, count):
    """Where the operator's time went: a trial's share of each histogram, and of each kind of request."""
    parts = []
    for name in ("temper_reconcile", "temper_decision", "temper_api_request"):
        total, number = (after.get(f"{name}_seconds_{end}", 0) - before.get(f"{name}_seconds_{end}", 0)
                         for end in ("sum", "count"))
        parts.append(f"{name[7:]} {number / count:.2f} x {total / max(number, 1) * 1e3:.1f} ms")
    counts = "temper_api_request_seconds_count{"
    for name in sorted(name for name in after if name.startswith(counts)):
        number, total = (after[key] - before.get(key, 0) for key in (name, name.replace("_count{", "_sum{")))
        if number > count / 50:
            verb, resource = re.findall('"([^"]*)"', name)
            parts.append(f"\n    {verb} {resource} {number / count:.2f} x {total / number * 1e3:.1f} ms")
    return "a trial: " + ", ".join(parts)


def rate(stage, options):
    """PerTrial beside bare pods."""
    count = options.pods
    plain, plain_middle = bare_pods(stage, count, options)
    options.detail(f"  bare pods: {plain:.0f}/s in all, {plain_middle:.0f}/s in the middle")
    for jobs in (1, 100):
        parallelism = PARALLEL // jobs
        (all, sustained), cpu, _ = trials(stage, jobs, parallelism, count // jobs, False, options)
        yield (f"finished trials a second, PerTrial, {jobs} x {parallelism} parallel, simulated nodes",
               "half of bare pods", f"{all:.0f} ({sustained:.0f} in the middle)",
               f"bare pods {plain:.0f} ({plain_middle:.0f} in the middle)", all >= plain / 2)
        yield f"CPU seconds of the operator per 1,000 trials, PerTrial, {jobs} jobs", "stated", f"{cpu:.1f}", "", True


def reuse(stage, options):
    """Workers that only write status."""
    for jobs in (1, 100):
        parallelism = PARALLEL // jobs
        (all, _), cpu, reported = trials(stage, jobs, parallelism, 2 * options.pods // jobs, True, options)
        # From when every worker has been made and has run its first trial.
        steady = sorted(reported)[PARALLEL:]
        sustained = (len(steady) - 1) / (steady[-1] - steady[0])
        yield (f"finished trials a second, Reuse, {jobs} x {parallelism} parallel, simulated workers", ">= 100",
               f"{sustained:.0f} once all workers run ({all:.0f} with their making)", "", sustained >= 100)
        yield f"CPU seconds of the operator per 1,000 trials, Reuse, {jobs} jobs", "stated", f"{cpu:.1f}", "", True


def level(stage, options):
    """One long job: the rate at its end beside that at its beginning."""
    _, cpu, reported = trials(stage, 1, 100, options.long, True, options)
    reported.sort()
    tenth = len(reported) // 10

    def rate_of(part):
        span = reported[part * tenth: (part + 1) * tenth]
        return (len(span) - 1) / (span[-1] - span[0])

    rates = [rate_of(part) for part in range(10)]
    options.detail("  trials a second by tenths: " + " ".join(f"{rate:.0f}" for rate in rates))
    # One tenth alone is up to a fifth off either way, and in the first the workers are made.
    begin, end = statistics.median(rates[1:4]), statistics.median(rates[7:])
    yield (f"trials a second of a job of {options.long:,}, median of its last three tenths beside that of its second to fourth",
           "the same (within 10 %)", f"{end:.0f}", f"{begin:.0f}; {cpu:.1f} CPU s per 1,000", end >= 0.9 * begin)


def memory(stage, options):
    """Trials that all are live. Nothing is removed: the cluster is made anew."""
    namespace = stage.namespace()
    jobs = options.live // 10
    with Pool(4) as pool:
        began = time.time()
        for number in range(jobs):
            body = job(f"job-{number}", "true", 1000, 10, simulated={})
            pool.do(stage.api.create, JOBS.format(namespace), body)
        highest = 0

        def all_live():
            nonlocal highest
            values = stage.metrics()
            highest = max(highest, values["process_resident_memory_bytes"])
            return values.get("temper_trials", 0) >= options.live

        wait("every trial being live", all_live, 120 + options.live / 10, pool, every=0.5)

        def all_run():
            all_live()
            made = stage.api.get(f"{PODS.format(namespace)}?limit=1")["metadata"].get("remainingItemCount", 0) + 1
            waiting = f"{PODS.format(namespace)}?limit=1&fieldSelector=status.phase=Pending"
            return made >= options.live and not stage.api.get(waiting)["items"]

        wait("every pod running", all_run, 120 + options.live / 20, pool, every=0.5)
        took = time.time() - began
    megabytes = highest / 1e6
    yield (f"resident memory of the operator, {options.live:,} live trials, {jobs:,} jobs", "< 150 MB",
           f"{megabytes:.0f} MB", f"live after {took:.0f} s", megabytes < 150)
