"""A ComfyUI to test against: its documented endpoints over real HTTP and a real websocket, with a worker that "renders" real files.

Shapes of requests, answers and messages are those of ComfyUI's ``server.py`` and ``execution.py``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from clipmaker import pan, write
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

FRAMES = 10
SIZE = (160, 96)

GRAPH: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 42, "steps": 20, "cfg": 6.0, "sampler_name": "uni_pc", "model": ["37", 0], "latent_image": ["40", 0]},
    },
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["37", 2]}},
    "37": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.1.safetensors"}},
    "40": {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"width": 160, "height": 96, "length": FRAMES, "batch_size": 1}},
    "59": {"class_type": "SaveVideo", "inputs": {"filename_prefix": "video/clip", "format": "auto", "codec": "auto", "video": ["8", 0]}},
}

Output = dict[str, Any]
Render = Callable[["ComfyUI", dict[str, Any]], Output]


def mp4(server: ComfyUI, graph: dict[str, Any]) -> Output:
    return {"59": {"images": [server.saved("clip_00001_.mp4", movie)], "animated": [True]}}


def movie(path: Path) -> None:
    write(path, pan(FRAMES, SIZE), fps=16)


def webp(server: ComfyUI, graph: dict[str, Any]) -> Output:
    def draw(path: Path) -> None:
        first, *others = [Image.fromarray(shot.astype(np.uint8)) for shot in pan(FRAMES, SIZE)]
        first.save(path, save_all=True, append_images=others, duration=63, quality=90)

    return {"59": {"images": [server.saved("clip_00001_.webp", draw)], "animated": [True]}}


def gif(server: ComfyUI, graph: dict[str, Any]) -> Output:
    def draw(path: Path) -> None:
        first, *others = [Image.fromarray(shot.astype(np.uint8)) for shot in pan(FRAMES, SIZE)]
        first.save(path, save_all=True, append_images=others, duration=60)

    return {"59": {"gifs": [server.saved("clip_00001.gif", draw)]}}


def animated_png(server: ComfyUI, graph: dict[str, Any]) -> Output:
    def draw(path: Path) -> None:
        first, *others = [Image.fromarray(shot.astype(np.uint8)) for shot in pan(FRAMES, SIZE)]
        first.save(path, save_all=True, append_images=others, duration=63)

    return {"59": {"images": [server.saved("clip_00001_.png", draw)], "animated": [True]}}


def pictures(server: ComfyUI, graph: dict[str, Any]) -> Output:
    def draw(path: Path, shot: Any) -> None:
        Image.fromarray(shot.astype(np.uint8)).save(path)

    files = [
        server.saved(f"clip_{index:05}_.png", lambda path, shot=shot: draw(path, shot)) for index, shot in enumerate(pan(FRAMES, SIZE))
    ]
    return {"59": {"images": files}}


class ComfyUI:
    """``render`` makes the outputs of a prompt; what it raises ends as ``execution_error``. A context manager."""

    def __init__(self, folder: Path, render: Render = mp4) -> None:
        self.folder = folder
        self.render = render
        self.nodes = {node["class_type"] for node in GRAPH.values()} | {"LoadImage"}
        self.models = {"wan2.1.safetensors"}
        self.inputs = {"start.png"}
        self.uploads: dict[str, bytes] = {}
        self.running: list[list[Any]] = []
        self.pending: list[list[Any]] = []
        self.history: dict[str, Any] = {}
        self.taken: list[dict[str, Any]] = []  # graphs that were queued
        self.interrupted: list[str] = []
        self.deleted: list[str] = []
        self.freed = 0
        self.steps = 4
        self.step_s = 0.02
        self.may_end = threading.Event()
        self.may_end.set()
        self.may_start = threading.Event()
        self.may_start.set()
        self.at_half = threading.Event()
        self.on_half: Callable[[], None] = lambda: None
        self._sockets: dict[str, WebSocket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._interrupt = threading.Event()

    def __enter__(self) -> ComfyUI:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(self._app(), log_level="critical", ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._threads = [
            threading.Thread(target=lambda: asyncio.run(self._serve())),
            threading.Thread(target=self._work),
        ]
        for thread in self._threads:
            thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.may_end.set()
        self.may_start.set()
        self._stop.set()
        self.die()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def die(self) -> None:
        """No socket is answered from now on."""
        self._server.should_exit = self._server.force_exit = True

    def drop_sockets(self) -> None:
        for owner in list(self._sockets):
            asyncio.run_coroutine_threadsafe(self._sockets.pop(owner).close(), self._loop).result(5)

    def add(self, client: str = "browser", graph: dict[str, Any] | None = None) -> str:
        """Somebody's prompt."""
        prompt_id = str(uuid.uuid4())
        with self._lock:
            self.pending.append([len(self.taken), prompt_id, graph or GRAPH, {"client_id": client}, ["59"]])
        return prompt_id

    def saved(self, name: str, draw: Callable[[Path], None]) -> dict[str, str]:
        path = self.folder / name
        draw(path)
        return {"filename": name, "subfolder": "video", "type": "output"}

    def tell(self, client: str, kind: str, data: dict[str, Any]) -> None:
        text = json.dumps({"type": kind, "data": data})

        async def send() -> None:
            with suppress(RuntimeError, WebSocketDisconnect, KeyError):  # it is gone
                await self._sockets[client].send_text(text)

        with suppress(RuntimeError):  # the server is dead
            self._loop.call_soon_threadsafe(lambda: self._tasks.add(self._loop.create_task(send())))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._listener])

    def _work(self) -> None:
        while not self._stop.wait(0.01):
            if not self.may_start.is_set():
                continue
            with self._lock:
                if not self.pending:
                    continue
                item = self.pending.pop(0)
                self.running.append(item)
                self._interrupt.clear()
            self._run(item)

    def _run(self, item: list[Any]) -> None:
        _, prompt_id, graph, extra, _ = item
        client = extra["client_id"]
        messages: list[Any] = []

        def tell(kind: str, **data: Any) -> None:
            messages.append([kind, {"prompt_id": prompt_id, **data}])
            self.tell(client, kind, {"prompt_id": prompt_id, **data})

        outputs: Output = {}
        status = "success"
        tell("execution_start")
        tell("execution_cached", nodes=["37"])
        tell("executing", node="3")
        for step in range(self.steps):
            time.sleep(self.step_s)
            self.tell(client, "progress", {"prompt_id": prompt_id, "node": "3", "value": step + 1, "max": self.steps})
            if step == self.steps // 2:
                self.on_half()
                self.at_half.set()
        while not self.may_end.wait(0.02) and not self._interrupt.is_set():
            pass
        if self._interrupt.is_set():
            status = "error"
            tell("execution_interrupted", node_id="3", node_type="KSampler", executed=[])
        else:
            try:
                outputs = self.render(self, graph)
                tell("executed", node="59", output=outputs.get("59"))
                tell("execution_success")
            except RuntimeError as error:
                status = "error"
                kind = str(error.args[1]) if len(error.args) > 1 else "RuntimeError"
                tell("execution_error", node_id="3", node_type="KSampler", exception_type=kind, exception_message=f"{error.args[0]}\n")
        with self._lock:
            self.running.remove(item)
            told = {"status_str": status, "completed": status == "success", "messages": messages}
            self.history[prompt_id] = {"prompt": item, "outputs": outputs, "status": told}
        self.tell(client, "executing", {"prompt_id": prompt_id, "node": None})

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/ws", self._ws),
                Route("/prompt", self._prompt, methods=["POST"]),
                Route("/queue", self._queue, methods=["GET", "POST"]),
                Route("/history/{prompt_id}", self._history),
                Route("/view", self._view),
                Route("/interrupt", self._post_interrupt, methods=["POST"]),
                Route("/free", self._free, methods=["POST"]),
                Route("/upload/image", self._upload, methods=["POST"]),
                Route("/object_info/{node}", self._object_info),
                Route("/system_stats", self._stats),
            ]
        )

    async def _ws(self, wire: WebSocket) -> None:
        await wire.accept()
        owner = wire.query_params["clientId"]
        self._sockets[owner] = wire
        await wire.send_text(json.dumps({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": owner}}))
        await wire.send_bytes(b"\0\0\0\1\0\0\0\1preview")
        try:
            while True:
                await wire.receive_text()
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass

    async def _prompt(self, request: Request) -> Response:
        body = await request.json()
        graph = body["prompt"]
        missing = [(key, node["class_type"]) for key, node in graph.items() if node["class_type"] not in self.nodes]
        if missing:
            key, kind = missing[0]
            message = f"Node '{kind}' not found. The custom node may not be installed."
            error = {"type": "missing_node_type", "message": message, "details": f"Node ID '#{key}'", "extra_info": {}}
            return JSONResponse({"error": error, "node_errors": {}}, 400)
        errors = {key: told for key, node in graph.items() if (told := self._wrong(node))}
        if errors:
            error = {
                "type": "prompt_outputs_failed_validation",
                "message": "Prompt outputs failed validation",
                "details": "",
                "extra_info": {},
            }
            return JSONResponse({"error": error, "node_errors": errors}, 400)
        self.taken.append(graph)
        return JSONResponse({"prompt_id": self.add(body["client_id"], graph), "number": len(self.taken), "node_errors": {}})

    def _wrong(self, node: dict[str, Any]) -> dict[str, Any] | None:
        inputs = node["inputs"]
        model, image = inputs.get("unet_name"), inputs.get("image")
        found = None
        if model is not None and model not in self.models:
            found = {"type": "value_not_in_list", "message": "Value not in list", "details": f"unet_name: '{model}' not in []"}
        elif isinstance(image, str) and image not in self.inputs:
            details = f"image - Invalid image file: {image}"
            found = {"type": "custom_validation_failed", "message": "Custom validation failed for node", "details": details}
        return {"errors": [found], "dependent_outputs": ["59"], "class_type": node["class_type"]} if found else None

    async def _queue(self, request: Request) -> Response:
        if request.method == "POST":
            wanted = (await request.json()).get("delete", [])
            with self._lock:
                self.deleted += [item[1] for item in self.pending if item[1] in wanted]
                self.pending = [item for item in self.pending if item[1] not in wanted]
            return Response()
        with self._lock:
            return JSONResponse({"queue_running": self.running, "queue_pending": self.pending})

    async def _history(self, request: Request) -> Response:
        prompt_id = request.path_params["prompt_id"]
        with self._lock:
            return JSONResponse({prompt_id: self.history[prompt_id]} if prompt_id in self.history else {})

    async def _view(self, request: Request) -> Response:
        path = self.folder / Path(request.query_params["filename"]).name
        return FileResponse(path) if path.is_file() else Response(status_code=404)

    async def _post_interrupt(self, request: Request) -> Response:
        wanted = (await request.json()).get("prompt_id")
        if any(wanted in (None, item[1]) for item in self.running):
            self.interrupted += [item[1] for item in self.running]
            self._interrupt.set()
        return Response()

    async def _free(self, request: Request) -> Response:
        assert (await request.json())["unload_models"]
        self.freed += 1
        return Response()

    async def _upload(self, request: Request) -> Response:
        boundary = b"--" + request.headers["content-type"].partition("boundary=")[2].encode()
        part = next(part for part in (await request.body()).split(boundary) if b'name="image"' in part)
        head, _, content = part.partition(b"\r\n\r\n")
        name = head.decode().partition('filename="')[2].partition('"')[0]
        self.uploads[name] = content.removesuffix(b"\r\n")
        self.inputs.add(name)
        return JSONResponse({"name": name, "subfolder": "", "type": "input"})

    async def _object_info(self, request: Request) -> Response:
        node = request.path_params["node"]
        return JSONResponse({node: {"name": node}} if node in self.nodes else {})

    async def _stats(self, request: Request) -> Response:
        return JSONResponse({"system": {"os": "posix", "comfyui_version": "0.3.76"}, "devices": []})
