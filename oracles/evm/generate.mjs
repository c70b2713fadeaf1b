// Prints EVM payloads as ethers encodes them, one JSON object per line: `node generate.mjs SEED COUNT`.
// Every line holds the fields it was made from, the unsigned bytes, the digest to sign and the signed form.

import {
  AbiCoder, Interface, Signature, Transaction, TypedDataEncoder, Wallet, concat, dataSlice, getAddress, hashAuthorization,
  hashMessage, id, toBigInt, toNumber,
} from "ethers";

const [seed, count] = [process.argv[2] ?? "ringi", Number(process.argv[3] ?? "2400")];
const wallet = new Wallet("0x" + "01".repeat(32));
const token = new Interface([
  "function transfer(address,uint256)", "function approve(address,uint256)", "function transferFrom(address,address,uint256)",
]);
const permitTypes = {
  Permit: ["address owner", "address spender", "uint256 value", "uint256 nonce", "uint256 deadline"]
    .map((field) => ({ type: field.split(" ")[0], name: field.split(" ")[1] })),
};

let drawn = 0;
const word = () => id(`${seed}:${drawn++}`);
const below = (n) => toNumber(toBigInt(word()) % BigInt(n));
const bits = (n) => toBigInt(word()) >> BigInt(256 - n);
// Short and long numbers alike: RLP and ABI differ with length.
const number = (most) => bits(1 + below(most)) || 1n;
const address = () => getAddress(dataSlice(word(), 0, 20));

function accessList() {
  return Array.from({ length: below(3) }, () => ({
    address: address(), storageKeys: Array.from({ length: below(3) }, word),
  }));
}

function envelope(type) {
  const price = number(60);
  const tip = price % (number(60) + 1n);
  const fees = type < 2 ? { gasPrice: price } : { maxFeePerGas: price, maxPriorityFeePerGas: tip };
  const base = { type, nonce: below(2 ** 40), gasLimit: number(24), ...fees };
  return type === 0 ? base : { ...base, accessList: accessList() };
}

function action() {
  const [to, other, contract, amount] = [address(), address(), address(), number(256)];
  switch (below(4)) {
    case 0: return { action: "native", to, amount, tx: { to, value: amount, data: "0x" } };
    case 1: return { action: "transfer", to, amount, contract, tx: call(contract, "transfer", [to, amount]) };
    case 2: return { action: "approve", to, amount, contract, tx: call(contract, "approve", [to, amount]) };
    default:
      return { action: "transferFrom", to, other, amount, contract, tx: call(contract, "transferFrom", [other, to, amount]) };
  }
}

function call(contract, name, values) {
  return { to: contract, value: 0n, data: token.encodeFunctionData(name, values) };
}

function finish(fields, tx) {
  const transaction = Transaction.from(tx);
  const [unsigned, sighash] = [transaction.unsignedSerialized, transaction.unsignedHash];
  transaction.signature = wallet.signingKey.sign(sighash);
  return { ...fields, unsigned, sighash, signed: transaction.serialized, hash: transaction.hash };
}

function plain(type) {
  const { tx, ...fields } = action();
  const chainId = 1 + below(2 ** 48);
  const choice = envelope(type);
  return finish({ kind: "transaction", chainId, choice, ...fields }, { ...choice, ...tx, chainId });
}

function delegation() {
  const [chainId, delegate, choice] = [1 + below(2 ** 48), address(), envelope(4)];
  const authorization = { address: delegate, nonce: choice.nonce + 1, chainId };
  const digest = hashAuthorization(authorization);
  const signature = Signature.from(wallet.signingKey.sign(digest));
  const tx = { to: wallet.address, value: 0n, data: "0x", chainId, authorizationList: [{ ...authorization, signature }] };
  return finish({ kind: "delegation", chainId, choice, delegate, authorizationDigest: digest }, { ...choice, ...tx });
}

function permit() {
  const [chainId, verifyingContract] = [1 + below(2 ** 48), address()];
  const [name, version] = [`Token "${below(1000)}" é`, String(1 + below(9))];
  const [spender, value, nonce, deadline] = [address(), number(255), number(64), number(40)];
  const message = { owner: wallet.address, spender, value, nonce, deadline };
  const sighash = TypedDataEncoder.hash({ name, version, chainId, verifyingContract }, permitTypes, message);
  return { kind: "permit", chainId, verifyingContract, name, version, spender, value, nonce, deadline, sighash };
}

function message() {
  const text = Array.from({ length: 1 + below(80) }, () => String.fromCodePoint(32 + below(0x500))).join("");
  return { kind: "message", chainId: 1 + below(2 ** 48), text, sighash: hashMessage(text) };
}

function contractCall() {
  const types = ["uint256", "int64", "address[]", "(bytes,bool[2])[]", "string", "bytes5"];
  const accounts = Array.from({ length: below(4) }, address);
  const pairs = Array.from({ length: below(3) }, () => [dataSlice(word(), 0, below(33)), [below(2) === 1, below(2) === 1]]);
  const signed = BigInt.asIntN(64, bits(64));
  const values = [number(256), signed, accounts, pairs, `note ${below(1e6)} é`, dataSlice(word(), 0, 5)];
  const signature = `run(${types.join(",")})`;
  const data = concat([dataSlice(id(signature), 0, 4), AbiCoder.defaultAbiCoder().encode(types, values)]);
  const text = (value) => (Array.isArray(value) ? value.map(text) : String(value));
  const args = values.map((value) => (Array.isArray(value) ? JSON.stringify(text(value)) : String(value)));
  return { kind: "call", chainId: 1, contract: address(), function: signature, arguments: args, data };
}

const makers = [() => plain(0), () => plain(1), () => plain(2), () => plain(2), delegation, permit, message, contractCall];
const json = (_, value) => (typeof value === "bigint" ? value.toString() : value);
const lines = Array.from({ length: count }, (_, i) => JSON.stringify(makers[i % makers.length](), json));
process.stdout.write(lines.join("\n") + "\n");
