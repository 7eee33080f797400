"""The queue's workflows, one a job, whose stages are durable steps. Only this module knows DBOS."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from dbos import DBOS, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

QUEUE = "clips"
_NAME = "job"
_VERSION = "1"  # of the application, for DBOS: a constant, or an upgrade would strand the queue
_EXECUTOR = "deshimmer"
_POLL_S = 0.25
_SETTLES_S = 5.0
_ENDED = ["SUCCESS", "ERROR"]


class Workflows:
    """Of one database. ``walk`` is called with a job's passage, in a thread of the job's own, and again after a kill."""

    def __init__(self, database_url: str, walk: Callable[[str], None]) -> None:
        self._database_url = database_url
        self._walk = walk
        self._is_launched = False

    def launch(self) -> None:
        """Go on with what is unfinished; nothing begins before ``run_at_most``."""
        logging.getLogger("dbos").addHandler(logging.NullHandler())  # else DBOS writes to standard error itself
        DBOS(
            config={
                "name": "deshimmer",
                "system_database_url": self._database_url,
                "application_version": _VERSION,
                "executor_id": _EXECUTOR,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": _POLL_S,  # nothing is sent, but its thread sleeps so long at a stop
            }
        )

        @DBOS.workflow(name=_NAME, max_recovery_attempts=None)
        def job(passage: str) -> None:
            self._walk(passage)

        self._workflow = job
        DBOS.listen_queues([QUEUE])
        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=0, polling_interval_sec=_POLL_S, on_conflict="never_update")
        self._is_launched = True

    def close(self, ended_ids: list[str]) -> None:
        """Leave what runs unfinished, for the next launch; the workflows of jobs that have ended are let end too."""
        if self._is_launched:
            self.settled(ended_ids)
        DBOS.destroy(destroy_registry=True)

    def submit(self, job_id: str, passage: str, priority: int) -> None:
        with SetWorkflowID(job_id), SetEnqueueOptions(priority=priority):
            DBOS.enqueue_workflow(QUEUE, self._workflow, passage)

    def step(self, name: str, stage: Callable[[str, bool], str], passage: str, wants_gpu: bool) -> str:
        """What the stage answers; where it ended before a kill, what it answered then. Within ``walk`` only."""
        return DBOS.run_step({"name": name}, stage, passage, wants_gpu)

    def run_at_most(self, jobs: int) -> None:
        queue = DBOS.retrieve_queue(QUEUE)
        assert queue is not None
        queue.set_worker_concurrency(jobs)

    def unended(self, job_ids: Collection[str]) -> dict[str, bool]:
        """Of these, those that are known, and whether each has yet to end."""
        found = DBOS.list_workflows(workflow_ids=list(job_ids), load_input=False, load_output=False) if job_ids else []
        return {workflow.workflow_id: workflow.status not in (*_ENDED, "CANCELLED") for workflow in found}

    def settled(self, job_ids: list[str]) -> list[str]:
        """Without those whose workflow does not end soon. A job has ended a moment before its workflow, which DBOS must find to record
        that.
        """
        deadline = time.monotonic() + _SETTLES_S
        while True:
            at_work = {each.workflow_id for each in DBOS.list_workflows(status=["PENDING"], load_input=False, load_output=False)}
            if not at_work & set(job_ids) or time.monotonic() > deadline:
                return [job_id for job_id in job_ids if job_id not in at_work]
            time.sleep(0.02)

    def forget(self, job_ids: list[str]) -> None:
        DBOS.delete_workflows(job_ids)

    def forget_ended(self) -> None:
        """Their records hold every stage's passage."""
        ended = DBOS.list_workflows(status=_ENDED, load_input=False, load_output=False, limit=1000)
        DBOS.delete_workflows([workflow.workflow_id for workflow in ended])
