// Prints random transactions, one JSON line each, made by @scure/btc-signer alone: fields, unsigned bytes, the
// digest of every input, and for every eighth the PSBT. Usage: node generate.mjs <seed> <count>
import { createHash } from 'node:crypto';
import * as btc from '@scure/btc-signer';
import { pubECDSA, pubSchnorr } from '@scure/btc-signer/utils.js';

const REGTEST = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef };
const WALLET = 'oracle';
const [seed, count] = [process.argv[2], Number(process.argv[3])];
if (!seed || !Number.isSafeInteger(count)) throw new Error('usage: generate.mjs <seed> <count>');

const sha256 = (data) => createHash('sha256').update(data).digest();
const hex = (bytes) => Buffer.from(bytes).toString('hex');

// A reproducible stream of random bytes.
let block = 0;
let pool = Buffer.alloc(0);
function bytes(n) {
  while (pool.length < n) pool = Buffer.concat([pool, sha256(`${seed}|${block++}`)]);
  const out = pool.subarray(0, n);
  pool = pool.subarray(n);
  return new Uint8Array(out);
}
const below = (n) => Number(Buffer.from(bytes(6)).readUIntBE(0, 6) % n);
const pick = (list) => list[below(list.length)];
const coin = (p) => below(100) < p;

// The test wallet's keys: the hash of its name, the scheme and the position.
const SCHEME = { p2wpkh: 'ecdsa-secp256k1', p2tr: 'bip340' };
const known = new Map();
function own(kind, branch, index) {
  const name = `${WALLET}|${SCHEME[kind]}|${branch}|${index}`;
  if (!known.has(name)) {
    const secret = new Uint8Array(sha256(name));
    const publicKey = pubECDSA(secret, true);
    const xOnly = pubSchnorr(secret);
    const payment = kind === 'p2tr' ? btc.p2tr(xOnly, undefined, REGTEST) : btc.p2wpkh(publicKey, REGTEST);
    known.set(name, { publicKey, xOnly, script: payment.script, hash: payment.hash });
  }
  return known.get(name);
}

function hints(kind, key, branch, index) {
  const der = { fingerprint: 0, path: [branch, index] };
  return kind === 'p2tr'
    ? { tapInternalKey: key.xOnly, tapBip32Derivation: [[key.xOnly, { hashes: [], der }]] }
    : { bip32Derivation: [[key.publicKey, der]] };
}

// Somebody's output script and its address.
function recipient() {
  const hash = bytes(20);
  const outs = [
    { type: 'wpkh', hash },
    { type: 'pkh', hash },
    { type: 'sh', hash },
    { type: 'wsh', hash: bytes(32) },
    { type: 'tr', pubkey: own('p2tr', 7, below(64)).xOnly },
  ];
  const out = pick(outs);
  return { script: btc.OutScript.encode(out), address: btc.Address(REGTEST).encode(out) };
}

// A transaction that pays the wallet `amount` at a random place among other outputs.
function previous(script, amount) {
  const vout = below(3);
  const outputs = [0, 1, 2].map((n) => (n === vout ? { script, amount } : { script: recipient().script, amount: 1000n }));
  const inputs = [{ txid: bytes(32), index: below(5), finalScriptSig: new Uint8Array(), sequence: 0xffffffff }];
  const raw = btc.RawTx.encode({ version: 2, segwitFlag: false, inputs, outputs, witnesses: [], lockTime: below(1000) });
  return { raw, vout, txid: new Uint8Array(sha256(sha256(raw))).reverse() };
}

const SEQUENCES = [0xffffffff, 0xfffffffe, 0xfffffffd, 0, 144];

function transaction() {
  const version = pick([1, 2]);
  const lockTime = coin(50) ? 0 : below(500_000_000);
  const fee = BigInt(200 + below(20_000));
  const payments = Array.from({ length: 1 + below(8) }, () => ({ ...recipient(), amount: BigInt(1000 + below(2_000_000)) }));
  const change = coin(80) ? { kind: pick(['p2wpkh', 'p2tr']), index: below(20), after: below(payments.length + 1) } : null;
  const left = change ? BigInt(1000 + below(1_000_000)) : 0n;
  const total = payments.reduce((sum, p) => sum + p.amount, fee + left);
  const number = 1 + below(6);
  const inputs = Array.from({ length: number }, (_, n) => {
    const share = total / BigInt(number);
    const amount = n === 0 ? total - share * BigInt(number - 1) : share;
    const place = { kind: pick(['p2wpkh', 'p2tr']), branch: below(2), index: below(64) };
    const key = own(place.kind, place.branch, place.index);
    return { ...place, key, amount, sequence: pick(SEQUENCES), from: previous(key.script, amount) };
  });
  return { version, lockTime, fee, payments, change, left, inputs };
}

// With what a PSBT carries beside the transaction only where one is asked for: the library checks every key in it.
function build(t, asPsbt) {
  const tx = new btc.Transaction({ version: t.version, lockTime: t.lockTime });
  for (const i of t.inputs) {
    tx.addInput({
      txid: i.from.txid,
      index: i.from.vout,
      sequence: i.sequence,
      ...(asPsbt ? { witnessUtxo: { script: i.key.script, amount: i.amount }, nonWitnessUtxo: i.from.raw } : {}),
      ...(asPsbt ? hints(i.kind, i.key, i.branch, i.index) : {}),
    });
  }
  const outputs = t.payments.map((p) => ({ script: p.script, amount: p.amount }));
  if (t.change) {
    const key = own(t.change.kind, 1, t.change.index);
    const hint = asPsbt ? hints(t.change.kind, key, 1, t.change.index) : {};
    outputs.splice(t.change.after, 0, { script: key.script, amount: t.left, ...hint });
  }
  outputs.forEach((o) => tx.addOutput(o));
  return tx;
}

function digest(t, tx, n) {
  const input = t.inputs[n];
  if (input.kind === 'p2tr') {
    const scripts = t.inputs.map((i) => i.key.script);
    return tx.preimageWitnessV1(n, scripts, btc.SigHash.DEFAULT, t.inputs.map((i) => i.amount));
  }
  const code = btc.OutScript.encode({ type: 'pkh', hash: input.key.hash });
  return tx.preimageWitnessV0(n, code, btc.SigHash.ALL, input.amount);
}

const PSBT_EVERY = 8;
for (let n = 0; n < count; n++) {
  const t = transaction();
  const asPsbt = n % PSBT_EVERY === 0;
  const tx = build(t, asPsbt);
  const line = {
    version: t.version,
    lock_time: t.lockTime,
    fee: String(t.fee),
    inputs: t.inputs.map(({ kind, branch, index, sequence, from }) => ({
      kind, branch, index, sequence, vout: from.vout, previous_tx: hex(from.raw),
    })),
    payments: t.payments.map((p) => ({ address: p.address, amount: String(p.amount) })),
    change: t.change,
    txid: tx.id,
    unsigned_tx: hex(tx.unsignedTx),
    psbt: asPsbt ? hex(tx.toPSBT(0)) : null,
    sighashes: t.inputs.map((_, i) => hex(digest(t, tx, i))),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
