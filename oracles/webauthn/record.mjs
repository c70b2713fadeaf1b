// Passkeys of a real browser (rule P2): registers some in Chromium's virtual authenticators, lets pages ask for assertions, right
// ones and wrong ones, and prints all of it as JSON. It knows nothing of Ringi: what is to be said of each is in the test that
// reads the file. Usage: node oracles/webauthn/record.mjs [CHROMIUM] > enclave/primitives/tests/it/golden/webauthn.json

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const digest = (name) => createHash("sha256").update(`challenge of ${name}`).digest();

// One server under two names: a page of the relying party, and a stranger's page that holds it in a frame.
const server = createServer((request, response) => {
    const port = server.address().port;
    const frame = `<iframe allow="publickey-credentials-get *" src="http://localhost:${port}/"></iframe>`;
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><title>p</title>${request.url === "/stranger" ? frame : ""}`);
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const port = server.address().port;
const page = `http://localhost:${port}/`;

// The browser speaks its protocol over two pipes, messages end with a zero byte.
const profile = mkdtempSync(join(tmpdir(), "webauthn-"));
const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", `--user-data-dir=${profile}`];
flags.push("--host-resolver-rules=MAP stranger.test 127.0.0.1", "--site-per-process");
flags.push(`--unsafely-treat-insecure-origin-as-secure=http://stranger.test:${port}`);
const browser = spawn(process.argv[2] ?? "chromium", flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const waiting = new Map();
const listeners = new Set();
let last = 0;
let rest = "";
browser.stdio[4].on("data", (bytes) => {
    const parts = (rest + bytes).split("\0");
    rest = parts.pop();
    for (const part of parts) {
        const message = JSON.parse(part);
        const done = waiting.get(message.id);
        if (done) waiting.delete(message.id), done(message);
        else listeners.forEach((listen) => listen(message));
    }
});
const call = async (sessionId, method, params = {}) => {
    const id = (last += 1);
    browser.stdio[3].write(`${JSON.stringify({ id, sessionId, method, params })}\0`);
    const answer = await new Promise((done) => waiting.set(id, done));
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
};
const event = (name) =>
    new Promise((done) => {
        const listen = (message) => {
            if (message.method === name) listeners.delete(listen), done(message.params);
        };
        listeners.add(listen);
    });

async function open(url) {
    const { targetId } = await call(undefined, "Target.createTarget", { url: "about:blank" });
    const { sessionId } = await call(undefined, "Target.attachToTarget", { targetId, flatten: true });
    await call(sessionId, "Page.enable");
    await call(sessionId, "Emulation.setFocusEmulationEnabled", { enabled: true });
    const loaded = event("Page.loadEventFired");
    await call(sessionId, "Page.navigate", { url });
    await loaded;
    return sessionId;
}

async function run(sessionId, script) {
    const said = await call(sessionId, "Runtime.evaluate", {
        expression: `(async () => { ${script} })()`,
        awaitPromise: true,
        returnByValue: true,
        userGesture: true,
    });
    if (said.exceptionDetails) throw new Error(said.exceptionDetails.exception.description);
    return said.result.value;
}

const HELPERS = `
    const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
    const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (b) => parseInt(b, 16));
`;
const register = (verification, extensions) => `${HELPERS}
    const made = await navigator.credentials.create({ publicKey: {
        challenge: new Uint8Array(32),
        rp: { id: "localhost", name: "vectors" },
        user: { id: new Uint8Array([1]), name: "approver", displayName: "Approver" },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }],
        authenticatorSelection: { userVerification: "${verification}", residentKey: "preferred" },
        extensions: ${extensions},
    } });
    return { credential: hex(made.rawId), key: hex(made.response.getPublicKey()) };`;
const ask = (name, credential, verification, extensions) => `${HELPERS}
    const said = await navigator.credentials.get({ publicKey: {
        challenge: bytes("${digest(name).toString("hex")}"),
        rpId: "localhost",
        allowCredentials: [{ type: "public-key", id: bytes("${credential}") }],
        userVerification: "${verification}",
        extensions: ${extensions},
    } });
    const { authenticatorData, clientDataJSON, signature } = said.response;
    return {
        authenticator_data: hex(authenticatorData),
        client_data: new TextDecoder().decode(clientDataJSON),
        signature: hex(signature),
    };`;

const authenticator = {
    protocol: "ctap2",
    ctap2Version: "ctap2_1",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
};

const u2f = { protocol: "u2f", transport: "usb", hasResidentKey: false, hasUserVerification: false };

// Assertions of a passkey made for it, the last of `times`.
async function vector(name, { options = {}, verification = "required", extensions = ["{}", "{}"], times = 1 } = {}) {
    console.error(name);
    const session = await open(page);
    await call(session, "WebAuthn.enable");
    await call(session, "WebAuthn.addVirtualAuthenticator", { options: { ...authenticator, ...options } });
    const made = await run(session, register(verification, extensions[0]));
    let said;
    for (let i = 0; i < times; i += 1) said = await run(session, ask(name, made.credential, verification, extensions[1]));
    return { name, challenge: digest(name).toString("hex"), origin: page.slice(0, -1), ...made, ...said };
}

// The relying party's page asks from within a stranger's page.
async function framed(name) {
    const outer = await open(`http://stranger.test:${port}/stranger`);
    let frame;
    for (let tries = 0; !frame; tries += 1) {
        const { targetInfos } = await call(undefined, "Target.getTargets");
        frame = targetInfos.find((t) => t.type === "iframe" && t.url === page);
        if (tries > 100) throw new Error("no frame");
        await new Promise((done) => setTimeout(done, 50));
    }
    const { sessionId } = await call(undefined, "Target.attachToTarget", { targetId: frame.targetId, flatten: true });
    await call(outer, "WebAuthn.enable");
    await call(outer, "WebAuthn.addVirtualAuthenticator", { options: authenticator });
    const own = await open(page);
    await call(own, "WebAuthn.enable");
    const { authenticatorId } = await call(own, "WebAuthn.addVirtualAuthenticator", { options: authenticator });
    const made = await run(own, register("required", "{}"));
    const { credentials } = await call(own, "WebAuthn.getCredentials", { authenticatorId });
    await call(own, "WebAuthn.disable");
    await call(sessionId, "WebAuthn.enable");
    const inner = await call(sessionId, "WebAuthn.addVirtualAuthenticator", { options: authenticator });
    await call(sessionId, "WebAuthn.addCredential", { authenticatorId: inner.authenticatorId, credential: credentials[0] });
    const said = await run(sessionId, ask(name, made.credential, "required", "{}"));
    return { name, challenge: digest(name).toString("hex"), origin: page.slice(0, -1), ...made, ...said };
}

try {
    const { product } = await call(undefined, "Browser.getVersion");
    const vectors = [
        await vector("plain"),
        await vector("the third use", { times: 3 }),
        await vector("synced", { options: { defaultBackupEligibility: true, defaultBackupState: true } }),
        await vector("extensions", {
            options: { hasCredBlob: true },
            extensions: ["{ credBlob: new Uint8Array([1, 2, 3]) }", "{ getCredBlob: true }"],
        }),
        await vector("u2f", { options: u2f, verification: "discouraged" }),
        await vector("unverified", { options: { ...u2f, protocol: "ctap2" }, verification: "discouraged" }),
        await framed("framed"),
    ];
    console.log(JSON.stringify({ recorded_from: product, vectors }, null, 2));
} finally {
    browser.kill();
    await new Promise((done) => browser.once("close", done));
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
