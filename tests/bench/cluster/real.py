"""Figures with real pods: the time to the first trial, requests a trial, the gap between two trials of a slot."""

import calendar
import json
import random
import re
import statistics
import subprocess
import threading
import time
from collections import Counter

from api import Watch, wait
from stage import JOBS, OPERATOR, PODS, bare, completed, job, stamp

REPORT = """echo '{"value": 1}'"""
TRIAL = f"echo began; sleep 0.7; {REPORT}; echo ended"
# A line of a log with the container runtime's nanoseconds before it.
PRINTED = re.compile(r"^(\S+T\S+)(\.\d+)Z (began|ended)$", re.MULTILINE)
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def apply_to_running(stage, namespace, object):
    """Seconds from the start of `kubectl apply` to the first pod running, as a watch hears of it."""
    heard, running = {}, threading.Event()
    name = object["metadata"]["name"]

    def see(line, at):
        pod = json.loads(line)["object"]
        # Those of earlier turns are ending still.
        is_its = f"{pod['metadata']['name']}-".startswith(f"{name}-")
        if is_its and pod.get("status", {}).get("phase") in ("Running", "Succeeded"):
            heard.setdefault("at", at)
            running.set()

    with Watch(stage.api, PODS.format(namespace), see):
        began = time.time()
        stage.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(object).encode(), stderr=subprocess.DEVNULL)
        if not running.wait(60):
            raise TimeoutError(f"no pod of {name} ran within 60 s")
    return heard["at"] - began


def start(stage, options):
    """The first trial's pod beside a bare one, in turns."""
    namespace, since = stage.namespace(), stamp(time.time())
    taken = {"bare": [], "PerTrial": [], "Reuse": []}
    for turn in range(options.repeats + 1):
        for kind, object in (
            ("bare", bare(f"bare-{turn}", "sleep 1")),
            ("PerTrial", job(f"first-{turn}", f"{REPORT}; sleep 1", 1, 1)),
            ("Reuse", job(f"warm-{turn}", f"{REPORT}; sleep 1", 1, 1, reuse=True)),
        ):
            seconds = apply_to_running(stage, namespace, object)
            if kind != "bare":
                completed(stage, namespace, object["metadata"]["name"], 60)
            # The first of each pays for what is only done once in a namespace.
            if turn > 0:
                taken[kind].append(seconds)
            # The kubelet tells once a second which containers run: turns in step with it would all wait as long for that.
            time.sleep(random.uniform(1, 2))
    stage.remove(namespace)
    for kind, all in taken.items():
        options.detail(f"  {kind}: {', '.join(f'{seconds:.2f}' for seconds in sorted(all))}")
    median = {kind: statistics.median(all) for kind, all in taken.items()}
    for kind in ("PerTrial", "Reuse"):
        yield (f"kubectl apply to first trial pod running, {kind}", f"<= bare + 0.5 s",
               f"{median[kind]:.2f} s", f"bare pod {median['bare']:.2f} s", median[kind] <= median["bare"] + 0.5)
    shares = own_share(stage, since)
    yield ("of that the operator's share: from the job being written to its first pod being asked for, median",
           "tens of milliseconds", f"{statistics.median(shares) * 1e3:.0f} ms",
           f"{min(shares) * 1e3:.0f} to {max(shares) * 1e3:.0f} ms", statistics.median(shares) < 0.1)


def instant(stamp):
    """Seconds, of an instant as the audit log writes it."""
    return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(stamp[19:-1])


def own_share(stage, since):
    """Seconds from each job's being written to the operator's request for its first pod."""
    written, asked = {}, []
    for entry in stage.audited(since, stamp(time.time() + 1)):
        about = entry.get("objectRef", {})
        if entry["verb"] not in ("create", "patch") or about.get("subresource"):
            continue
        if about.get("resource") == "tuningjobs":
            written.setdefault(about["name"], instant(entry["stageTimestamp"]))
        elif about.get("resource") == "pods" and entry["user"]["username"] == OPERATOR:
            asked.append((about["name"], instant(entry["requestReceivedTimestamp"])))
    firsts = (min((at for pod, at in asked if pod.startswith(f"{job}-")), default=None) for job in written)
    return [first - at for first, at in zip(firsts, written.values()) if first]


def writes(stage, options):
    """What operator, agents and others write for a trial, by the audit log."""
    # Workers are made and deleted once in a job, which is longer than a few trials.
    for policy, limit, trials in (("PerTrial", 4, options.trials), ("Reuse", 3, 4 * options.trials)):
        namespace = stage.namespace()
        since = stamp(time.time())
        tuning = job("writes", f"{REPORT}; sleep 0.2", trials, 4, reuse=policy == "Reuse")
        stage.api.create(JOBS.format(namespace), tuning)
        completed(stage, namespace, "writes", 60 + 5 * trials)
        counts, others, events = Counter(), Counter(), Counter()
        for entry in stage.audited(since, stamp(time.time() + 1)):
            if entry["verb"] not in WRITES:
                continue
            about = entry.get("objectRef", {})
            user, resource = entry["user"]["username"], about.get("resource", "")
            what = "/".join(filter(None, (resource, about.get("subresource"))))
            is_agent = user.startswith(f"system:serviceaccount:{namespace}:")
            if resource == "leases" or user == "admin" or not (user == OPERATOR or about.get("namespace") == namespace):
                continue
            who = "operator" if user == OPERATOR else "agent" if is_agent else None
            if resource == "events":
                events[who or "others"] += 1
            if who:
                counts[f"{who}: {entry['verb']} {what}"] += 1
            else:
                others[f"{user}: {entry['verb']} {what}"] += 1
        stage.remove(namespace)
        ours, caused = sum(counts.values()) / trials, sum(others.values()) / trials
        for line, count in sorted(counts.items()) + sorted(others.items()):
            options.detail(f"  {policy}: {line}: {count}, {count / trials:.2f} a trial")
        said = events["operator"] + events["agent"]
        yield (f"write requests a trial by operator and agent, {policy}, {trials} trials", f"<= {limit}", f"{ours:.2f}",
               f"with what they cause {ours + caused:.1f}", ours <= limit)
        yield (f"events by operator and agent, {policy}, {trials} trials", "not one a trial", f"{said}",
               f"by others {events['others']}", said < trials / 2)


def printed(stage, namespace, pod):
    """When commands said in a pod that they began and that they ended, by the container runtime's clock."""
    answer = stage.api.ask("GET", f"{PODS.format(namespace)}/{pod}/log?container=trial&timestamps=true")
    times = {"began": [], "ended": []}
    for second, fraction, word in PRINTED.findall(answer.body.decode()):
        times[word].append(calendar.timegm(time.strptime(second, "%Y-%m-%dT%H:%M:%S")) + float(fraction))
    return times["began"], times["ended"]


def gaps(stage, options):
    """How long a slot is empty between two trials, by the times of what the commands print."""
    namespace = stage.namespace()
    starts = []
    for turn in range(options.repeats + 1):
        name = f"bare-{turn}"
        asked = time.time()
        stage.api.create(PODS.format(namespace), bare(name, "echo began"))
        path = f"{PODS.format(namespace)}/{name}"
        wait("a bare pod", lambda: stage.api.get(path)["status"].get("phase") == "Succeeded", 60)
        starts += [began - asked for began in printed(stage, namespace, name)[0]][: turn > 0]
        time.sleep(1)
    pod_start = statistics.median(starts)
    for policy in ("PerTrial", "Reuse"):
        # One slot: the next trial's start follows the end of the one before.
        count = options.trials
        name = f"gaps-{policy.lower()}"
        stage.api.create(JOBS.format(namespace), job(name, TRIAL, count, 1, policy == "Reuse"))
        logs, read = {}, threading.Event()
        # Workers go when the job ends: their logs are read while they are there.
        while not read.is_set():
            if stage.api.get(f"{JOBS.format(namespace)}/{name}").get("status", {}).get("completionTime"):
                read.set()
            pods = stage.api.get(f"{PODS.format(namespace)}?labelSelector=temper.rs/job={name}")["items"]
            for pod in pods:
                pod_name = pod["metadata"]["name"]
                if policy == "Reuse" or (pod["status"].get("phase") == "Succeeded" and pod_name not in logs):
                    logs[pod_name] = max(printed(stage, namespace, pod_name), logs.get(pod_name, ([], [])))
            time.sleep(0.3)
        completed(stage, namespace, name, 60)
        began = sorted(at for pair in logs.values() for at in pair[0])
        ended = sorted(at for pair in logs.values() for at in pair[1])
        between = sorted(start - end for start, end in zip(began[1:], ended))
        if len(between) < count / 2:
            raise RuntimeError(f"only {len(between)} gaps of {count - 1} were seen")
        median = statistics.median(between)
        shape = f"{between[0]:.3f} to {between[-1]:.3f}, {len(between)} gaps"
        options.detail(f"  {policy}: gaps {shape}")
        if policy == "Reuse":
            yield "gap between two trials of a slot, Reuse, median", "< 100 ms", f"{median * 1e3:.0f} ms", shape, median < 0.1
        else:
            yield ("gap between two trials of a slot, PerTrial, median", "<= bare + 0.3 s", f"{median:.2f} s",
                   f"bare pod start {pod_start:.2f} s", median <= pod_start + 0.3)
    stage.remove(namespace)
