// Writes Token.json beside Token.sol. Run where the compiler is installed:
//   npm install --no-save --ignore-scripts solc@0.8.30 && node contracts/test/compile.cjs
const fs = require("fs");
const path = require("path");
const solc = require(require.resolve("solc", { paths: [process.cwd()] }));

const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "paris",
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};
const content = fs.readFileSync(path.join(__dirname, "Token.sol"), "utf8");
const input = { language: "Solidity", sources: { "Token.sol": { content } }, settings };
const output = JSON.parse(solc.compile(JSON.stringify(input)));
if (output.errors) throw new Error(JSON.stringify(output.errors));
const token = output.contracts["Token.sol"].Token;
const document = { compiler: solc.version(), settings, bytecode: "0x" + token.evm.bytecode.object, abi: token.abi };
fs.writeFileSync(path.join(__dirname, "Token.json"), JSON.stringify(document, null, 2) + "\n");
