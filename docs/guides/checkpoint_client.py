"""Publishes the checkpoints of a training run to the cluster, and tells when one is asked for.

Copy this file next to your training code: standard library only, Python 3.8 or newer. Nothing here raises: what cannot be told or
read is logged, and training goes on. How to use it: checkpoints.md, beside this file.
"""
import http.client
import json
import logging
import os
import re
import ssl
import time
from datetime import datetime, timezone

ANNOTATIONS = "/etc/podinfo/annotations"  # downward-API file with the annotations of the pod
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
TIMEOUT = 5  # seconds for one request
NEVER = datetime.min.replace(tzinfo=timezone.utc)
log = logging.getLogger("checkpoint")
_newest = NEVER  # when the newest checkpoint of this process was taken


def requested():
    """Is a checkpoint asked for that is newer than the last one taken? Cheap enough for every step."""
    return _asked() > _newest


def now():
    """The `taken_at` of a state captured now. After a request, whatever the clocks of two machines say, when it was seen before."""
    return max(datetime.now(timezone.utc), _asked())


def report(gang, taken_at, duration=None, restart=None, location=None, write=True, patience=20):
    """Tells the cluster of a checkpoint that is complete; True when it knows. On every rank, with write=True on one of them.

    duration: seconds that writing took. restart: seconds from a start of the pods until the run is where the checkpoint was.
    """
    global _newest
    try:
        if not gang:
            raise ValueError("the gang has no name")
        taken_at = taken_at.astimezone(timezone.utc)
        _newest = max(_newest, taken_at)
        spec = {"gang": gang, "takenAt": taken_at.isoformat().replace("+00:00", "Z")}
        more = {"durationSeconds": duration, "restartSeconds": restart, "location": location}
        spec.update({field: value for field, value in more.items() if value is not None})
        return write and _apply(gang, spec, time.monotonic() + patience)
    except Exception:  # whatever it is, it must not end a training run
        log.exception("checkpoint of %s not reported, training goes on", gang)
        return False


def _asked():
    try:
        with open(ANNOTATIONS, encoding="utf-8") as file:
            found = re.search(r'^aicluster\.dev/checkpoint-requested="(.*)"$', file.read(), re.MULTILINE)
        fraction = ".%f" if found and "." in found[1] else ""
        return datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S" + fraction + "%z") if found else NEVER
    except (OSError, ValueError, TypeError) as error:
        log.warning("cannot tell whether a checkpoint is asked for: %s", error)
        return NEVER


def _apply(gang, spec, deadline, pause=1):
    while True:
        try:
            status, said = _request(gang, spec)
        except (OSError, http.client.HTTPException) as error:
            status, said = 0, repr(error)
        if status in (200, 201):
            return True
        hopeless = status < 500 and status not in (0, 401, 409, 429)  # 401: the token may be renewed by the next time
        if hopeless or time.monotonic() + pause > deadline:
            log.warning("checkpoint of %s not reported, training goes on: HTTP %s %s", gang, status, said)
            return False
        time.sleep(pause)
        pause *= 2


def _request(gang, spec):
    with open(ACCOUNT + "/token") as token, open(ACCOUNT + "/namespace") as namespace:  # every time: kubelet renews the token
        headers = {"Authorization": "Bearer " + token.read(), "Content-Type": "application/apply-patch+yaml"}
        path = "/apis/aicluster.dev/v1alpha1/namespaces/%s/checkpoints/%s" % (namespace.read(), gang)
    context = ssl.create_default_context(cafile=ACCOUNT + "/ca.crt")
    # From Python 3.13 on, extensions are asked for that the authorities of EKS clusters lack (kubernetes-client/python#2394).
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    connection = http.client.HTTPSConnection(host, int(port), timeout=TIMEOUT, context=context)
    try:
        body = {"apiVersion": "aicluster.dev/v1alpha1", "kind": "Checkpoint", "metadata": {"name": gang}, "spec": spec}
        # Server-side apply: one call creates the object or renews it, and nothing has to be read.
        connection.request("PATCH", path + "?fieldManager=workload&force=true", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
