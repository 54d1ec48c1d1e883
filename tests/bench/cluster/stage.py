"""A cluster with nothing else in it, and the operator on this machine beside it, with a certificate of its own by which
the API server's audit log knows its requests."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

from api import Api, wait

ROOT = pathlib.Path(__file__).resolve().parents[3]
CLUSTER = ROOT / "tests/cluster/cluster"
BIN = ROOT / "target/cluster/bin"
RUNNER = "temper.test/runner:bench"
BUSYBOX = "busybox:1"
OPERATOR = "temper-operator"
TRIALS = "/apis/temper.rs/v1alpha1/namespaces/{}/trials"
JOBS = "/apis/temper.rs/v1alpha1/namespaces/{}/tuningjobs"
PODS = "/api/v1/namespaces/{}/pods"


class Stage:
    """The cluster in a folder, up, and the operator's process."""

    def __init__(self, folder, temper, runner):
        self.folder, self.temper, self.runner = pathlib.Path(folder).resolve(), temper, runner
        self.operator = None
        self.made = 0

    def cluster(self, *words):
        return subprocess.run([CLUSTER, "--dir", self.folder, *words], check=True, stdout=subprocess.PIPE, text=True).stdout

    def up(self, simulated):
        self.cluster("up", "--kwok-nodes", str(simulated))
        subnet = dict(line.split("=", 1) for line in (self.folder / "cluster.env").read_text().split())["SUBNET"]
        self.server = (subnet.strip("'\"") + ".2", 6443)
        self.api = self.connected("admin")
        archive = self.folder / "runner.tar"
        self.cluster("make-image", RUNNER, f"{self.runner}:/temper-runner", "--user", "65532", "--out", str(archive))
        self.cluster("load-image", str(archive), str(BIN / "busybox.tar"))
        self.kubectl("apply", "--server-side", "-f", ROOT / "crds/manifests")
        rights = subprocess.run(
            [BIN / "helm", "template", "temper", ROOT / "charts/temper", "--namespace", "temper-system",
             "-s", "templates/rbac-trial.yaml", "-s", "templates/admissionpolicy.yaml"],
            check=True, stdout=subprocess.PIPE).stdout
        self.kubectl("apply", "-f", "-", input=rights)
        self.certify()
        wait("the definitions being served", lambda: self.api.ask("GET", TRIALS.format("default")).code == 200, 30)

    def connected(self, name):
        pki = self.folder / "pki"
        return Api(*self.server, pki / "ca.crt", pki / f"{name}.crt", pki / f"{name}.key")

    def kubectl(self, *words, **how):
        how = {"check": True, "stdout": subprocess.DEVNULL, **how}
        return subprocess.run([BIN / "kubectl", "--kubeconfig", self.folder / "admin.kubeconfig", *words], **how)

    def certify(self):
        """A certificate for the operator, and its kubeconfig."""
        pki, name = self.folder / "pki", OPERATOR
        if (pki / f"{name}.crt").exists():
            return
        quiet = {"check": True, "stderr": subprocess.DEVNULL}
        subprocess.run(
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-subj", f"/O=system:masters/CN={name}", "-keyout", pki / f"{name}.key", "-out", pki / f"{name}.csr"], **quiet)
        # With an extension it is of version 3, the only one that rustls takes.
        (pki / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
        subprocess.run(
            ["openssl", "x509", "-req", "-days", "365", "-CA", pki / "ca.crt", "-CAkey", pki / "ca.key",
             "-CAcreateserial", "-extfile", pki / "client.ext", "-in", pki / f"{name}.csr", "-out", pki / f"{name}.crt"], **quiet)

        def coded(file):
            return base64.b64encode((pki / file).read_bytes()).decode()

        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "temper",
            "clusters": [{"name": "temper", "cluster": {
                "server": "https://{}:{}".format(*self.server), "certificate-authority-data": coded("ca.crt")}}],
            "users": [{"name": name, "user": {
                "client-certificate-data": coded(f"{name}.crt"), "client-key-data": coded(f"{name}.key")}}],
            "contexts": [{"name": "temper", "context": {"cluster": "temper", "user": name}}]}
        (self.folder / "operator.kubeconfig").write_text(json.dumps(config))

    def start_operator(self):
        """A fresh operator, when it leads."""
        self.stop_operator()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.listen = "127.0.0.1:{}".format(free.getsockname()[1])
        environment = {**os.environ, "KUBECONFIG": str(self.folder / "operator.kubeconfig"), "POD_NAME": "bench",
                       "TEMPER_LOG": os.environ.get("TEMPER_LOG", "warn")}
        self.log = open(self.folder / "operator.log", "ab")
        self.operator = subprocess.Popen(
            [self.temper, "operator", "--runner-image", RUNNER, "--runner-image-pull-policy", "Never",
             "--listen", self.listen, "--lease-namespace", "default"],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        wait("the operator leading", self.leads, 30)

    def leads(self):
        if self.operator.poll() is not None:
            raise RuntimeError(f"the operator ended with {self.operator.returncode}; see {self.folder}/operator.log")
        with contextlib.suppress(OSError):
            return self.metrics().get("temper_leader") == 1

    def stop_operator(self):
        if self.operator and self.operator.poll() is None:
            self.operator.send_signal(signal.SIGTERM)
            self.operator.wait(30)
        self.operator = None

    def metrics(self):
        """The operator's metrics without labels and sums over those with; its requests also by what they are."""
        with urllib.request.urlopen(f"http://{self.listen}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        values = {}
        for line in lines:
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                short, _, labels = name.partition("{")
                values[short] = values.get(short, 0) + float(value)
                if short in ("temper_api_request_seconds_sum", "temper_api_request_seconds_count"):
                    values[name] = float(value)
        return values

    def processors(self):
        """CPU seconds that each program of this cluster, the operator and the benchmark have used so far."""
        used = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                name = pathlib.Path(words[0]).name
                if int(folder.name) == os.getpid():
                    name = "benchmark"
                elif not (self.operator and int(folder.name) == self.operator.pid
                          or words[0].startswith(str(BIN)) and any(str(self.folder) in word for word in words)):
                    continue
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                used[name] = used.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return used

    def namespace(self):
        """A namespace of its own for each measurement."""
        self.made += 1
        name = f"bench-{os.getpid()}-{self.made}"
        self.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        wait("the namespace's service account", lambda: self.api.ask("GET", account).code == 200, 30)
        return name

    def remove(self, namespace):
        """The namespace and all in it; what is left would cost the next measurement."""
        self.api.delete(JOBS.format(namespace))
        self.api.delete(PODS.format(namespace) + "?gracePeriodSeconds=0")
        self.api.delete(f"/api/v1/namespaces/{namespace}")
        path = f"/api/v1/namespaces/{namespace}"
        wait("the namespace being gone", lambda: self.api.ask("GET", path).code == 404, 600, every=0.5)

    def down(self):
        self.stop_operator()
        self.cluster("down")

    def audited(self, since, until):
        """Requests of a span of time from the audit log. It holds one line a request, in the order of their ends."""
        time.sleep(0.2)
        with open(self.folder / "audit.log", "rb") as log:
            for line in log:
                entry = json.loads(line)
                if since <= entry["requestReceivedTimestamp"] <= until and entry["stage"] == "ResponseComplete":
                    yield entry


def stamp(seconds):
    """An instant as the audit log writes it."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1e6):06d}Z"


def job(name, command, trials, parallelism, reuse=False, retention=None, parameters=None, algorithm="Random", simulated=None):
    """A TuningJob of one container; `simulated`: annotations of pods for simulated nodes."""
    pod = {"spec": {"terminationGracePeriodSeconds": 1, "containers": [
        {"name": "trial", "image": BUSYBOX, "imagePullPolicy": "Never", "command": ["sh", "-c", command]}]}}
    if simulated is not None:
        pod["metadata"] = {"annotations": simulated}
        pod["spec"] |= SIMULATED
    spec = {
        "objectives": [{"metric": "value", "goal": "maximize"}],
        "parameters": parameters or [{"name": "x", "type": "float", "min": 0, "max": 1}],
        "search": {"algorithm": algorithm},
        "budget": {"maxTrials": trials, "parallelism": parallelism},
        "trial": {"podPolicy": "Reuse" if reuse else "PerTrial", "template": pod},
    }
    if retention is not None:
        spec["retention"] = {"trials": retention}
    return {"apiVersion": "temper.rs/v1alpha1", "kind": "TuningJob", "metadata": {"name": name}, "spec": spec}


SIMULATED = {
    "nodeSelector": {"kwok.x-k8s.io/node": "fake"},
    "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
}


def bare(name, command, simulated=None):
    """A pod as a job's, without Temper."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"bench": "bare"}}, "spec": {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [
            {"name": "trial", "image": BUSYBOX, "imagePullPolicy": "Never", "command": ["sh", "-c", command]}]}}
    if simulated is not None:
        pod["metadata"]["annotations"] = simulated
        pod["spec"] |= SIMULATED
    return pod


def completed(stage, namespace, name, seconds):
    """Waits for a job's end; its status. A job that failed is an error."""
    path = f"{JOBS.format(namespace)}/{name}"

    def status():
        status = stage.api.get(path).get("status", {})
        return status if status.get("completionTime") else None

    status = wait(f"the end of job {name}", status, seconds, every=0.2)
    if status.get("trials", {}).get("failed"):
        raise RuntimeError(f"trials of {name} failed: {json.dumps(status)[:2000]}")
    return status
