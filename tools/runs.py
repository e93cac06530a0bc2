"""Runs lessons, each in a kernel of its own and several at once, and records what that cost and what came out."""

import asyncio
import os
import re
import sys
import tempfile
import time
from contextlib import asynccontextmanager

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbclient.output_widget import OutputWidget
from tqdm import tqdm

from tools import sources
from tools.facts import facts

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def run_all(lessons, profile, jobs, finished, read=sources.read_source):
    """Runs the sources `lessons`, `jobs` at once; calls `finished(source, notebook, record)` after each.

    `read` makes the notebook of a source.

    An interrupt ends all kernels: `asyncio.run` cancels what is under way, and `kernel` cleans up.
    """
    notebooks = {source: read(source) for source in lessons}
    with Progress(sum(len(code_of(notebook)) for notebook in notebooks.values())) as progress:

        async def run_each():
            free = asyncio.Semaphore(jobs)

            async def run_one(source, notebook):
                async with free:
                    record = await execute(notebook, source.stem, profile, progress, environment_for(profile, jobs))
                    finished(source, notebook, record)

            async with asyncio.TaskGroup() as group:
                for source, notebook in notebooks.items():
                    group.create_task(run_one(source, notebook))

        asyncio.run(run_each())


def run_alone(source, profile, read=sources.read_source):
    """Runs one lesson with none beside it; returns its executed notebook and its record."""
    outcome = []
    run_all([source], profile, 1, lambda _, notebook, record: outcome.extend([notebook, record]), read)
    return outcome


def environment_for(profile, jobs):
    """The kernels' environment: lessons that run at once share the cores, since threads beyond them only wait."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    shared = dict.fromkeys(THREADS, threads) if jobs > 1 else {}
    return {**os.environ, **shared, "COURSE_PROFILE": profile}


async def execute(notebook, name, profile, progress, environment):
    """Runs one lesson and returns its record. An error ends it but is kept, in the notebook and in the record."""
    code, done = code_of(notebook), 0
    record = {"profile": profile, "error": None, "heading": "", "peak_mib": 0}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as cache:  # nothing to resume: a run is one whole run
        try:
            async with kernel({**environment, "COURSE_CACHE": cache}, notebook, name, progress) as client:
                try:
                    for index in code:
                        record["heading"] = heading_above(notebook.cells, index)
                        progress.reaches(name, record["heading"])
                        await client.async_execute_cell(notebook.cells[index], index)
                        progress.update(1)
                        done += 1
                    record["heading"] = ""
                except CellExecutionError as error:
                    record["error"] = f"{error.ename}: {error.evalue}"
                record["peak_mib"] = await peak_memory(client)
        except DeadKernelError:
            if asyncio.current_task().cancelling():  # an interrupt, which nbclient takes for a dead kernel
                raise asyncio.CancelledError from None
            record["error"] = "the kernel died; was there enough memory?"
        except NotStarted as error:
            record["error"] = str(error)
    record["seconds"] = round(time.monotonic() - start)
    record.update(results_of(notebook))
    progress.leaves(name, verdict(record), left=len(code) - done)
    return record


def results_of(notebook):
    """What a run's outputs say: bounds met and missed, and whether data came from the embedded sample."""
    met = [fact["met"] for fact in facts(notebook.cells, "expectation")]
    embedded = any(fact["embedded"] for fact in facts(notebook.cells, "data"))
    return {"met": sum(met), "missed": len(met) - sum(met), "embedded": embedded}


class NotStarted(RuntimeError):
    """A kernel that did not start when it was asked twice."""


@asynccontextmanager
async def kernel(environment, notebook, name, progress):
    """A client with its own kernel. (nbclient's own way takes the interrupt for itself and ends one kernel only.)"""
    quiet = ["--log-level=CRITICAL"]  # of the kernel itself, which else has a word on its transport and its end
    client = NotebookClient(notebook, timeout=None, coalesce_streams=True, extra_arguments=quiet)
    client.resources = {"metadata": {"path": str(sources.ROOT / "notebooks")}}
    client.widget_registry = {"@jupyter-widgets/output": {"OutputModel": SilentOutput}}
    try:
        if trouble := await start(client, environment):
            progress.say(f"{name}: its kernel did not start ({trouble}) and is started once more")
            if trouble := await start(client, environment):
                raise NotStarted(f"its kernel did not start, twice: {trouble}")
        yield client
    finally:
        if client.kc:
            client.kc.stop_channels()
        if client.km:
            await client.km.shutdown_kernel(now=True)


async def start(client, environment):
    """Starts a client's kernel; returns what went wrong, or None."""
    client.create_kernel_manager()
    await client.async_start_new_kernel(env=environment)
    try:
        await client.async_start_new_kernel_client()
    except RuntimeError as error:  # it ended, or said nothing for a minute
        return error


class SilentOutput(OutputWidget):
    """Takes what a widget shows, like nbclient's own, and tells the kernel nothing of it.

    What nbclient sends while a cell runs goes past asyncio to the same socket on which the cell's reply arrives. If
    both meet, asyncio never hears of the reply and the lesson hangs.
    """

    def sync_state(self):
        pass


async def peak_memory(client):
    """The kernel's largest resident size so far, in MiB."""
    # Not ru_maxrss on Linux: a new process inherits there the size of the one that started it.
    ask = r"int(__import__('re').search(r'VmHWM:\s+(\d+) kB', open('/proc/self/status').read())[1]) // 2**10"
    if sys.platform == "darwin":
        ask = "__import__('resource').getrusage(0).ru_maxrss // 2**20"
    elif sys.platform == "win32":
        ask = "__import__('psutil').Process().memory_info().peak_wset // 2**20"
    message = client.kc.execute("", silent=True, user_expressions={"peak": ask})
    while True:
        reply = await client.kc.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message:
            return int(reply["content"]["user_expressions"]["peak"]["data"]["text/plain"])


class Progress:
    """One line for all lessons under way: the cells that are done, and where each lesson is."""

    def __init__(self, cells):
        self.bar = tqdm(total=cells, bar_format="{n_fmt}/{total_fmt} cells |{bar:10}| {elapsed}{postfix}")
        self.places = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()

    def reaches(self, name, heading):
        """Says that the lesson `name` runs a cell below `heading`."""
        self.places[name] = heading
        self.show_places()

    def show_places(self):
        self.bar.set_postfix_str(" | ".join(f"{lesson[:2]} {place[:32]}" for lesson, place in self.places.items()))

    def update(self, cells):
        self.bar.update(cells)

    def leaves(self, name, outcome, left):
        """Says how the lesson `name` ended, with `left` cells that will not run."""
        self.places.pop(name, None)
        self.update(left)
        self.show_places()
        self.say(f"{name}: {outcome}")

    def say(self, line):
        """Writes a line above the bar."""
        self.bar.write(line, file=sys.stderr)


def code_of(notebook):
    return [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def heading_above(cells, index):
    """The latest heading above a cell."""
    for cell in reversed(cells[:index]):
        headings = re.findall(r"^#+ (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else []
        if headings:
            return headings[-1]
    return ""


def verdict(record):
    """What became of a lesson, in one line."""
    if record["error"] is None:
        return f"all {record['met']} met"
    error, missed = (
        record["error"].partition("\n")[0].strip(),
        f", {record['missed']} MISSED" if record["missed"] else "",
    )
    return f"{record['met']} met{missed}; ended below “{record['heading']}” with {error}"
