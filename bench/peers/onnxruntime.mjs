// onnxruntime.mjs -- ONNX Runtime on a network that guise exported.
//
//   node onnxruntime.mjs inputs NET.onnx SIZE IN.safetensors     makes inputs for everybody
//   node onnxruntime.mjs check NET.onnx IN OURS THREADS          exit status 1: results differ
//   node onnxruntime.mjs time NET.onnx IN RUNS THREADS           one line of JSON
import fs from 'node:fs';
import ort from 'onnxruntime-node';

const TOLERANCE = 1e-3; // of the largest magnitude, and at least of 1

function readTensors(file) {
  const bytes = fs.readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  const tensors = {};
  for (const [name, t] of Object.entries(header)) {
    if (name === '__metadata__' || t.dtype !== 'F32') continue;
    const [from, to] = t.data_offsets;
    const copy = new Uint8Array(bytes.subarray(8 + length + from, 8 + length + to));
    tensors[name] = { shape: t.shape, data: new Float32Array(copy.buffer, 0, (to - from) / 4) };
  }
  return tensors;
}

function writeTensors(file, tensors) {
  const header = {};
  let at = 0;
  for (const [name, t] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: t.shape, data_offsets: [at, at += 4 * t.data.length] };
  }
  let text = JSON.stringify(header);
  text = text.padEnd(Math.ceil(text.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const data = Object.values(tensors).map((t) => Buffer.from(t.data.buffer));
  fs.writeFileSync(file, Buffer.concat([length, Buffer.from(text), ...data]));
}

function makeRandom(seed) {
  return () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

// Pictures of 0..1; rows of a matrix have length 1.
function makeInput(shape, random) {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random);
  if (shape.length !== 2) return data;
  for (let i = 0; i < data.length; i += shape[1]) {
    const row = data.subarray(i, i + shape[1]);
    row.forEach((v, k) => (row[k] = v - 0.5));
    const size = Math.hypot(...row);
    row.forEach((v, k) => (row[k] = v / size));
  }
  return data;
}

const open = (file, threads) => ort.InferenceSession.create(file, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
});

const feeds = (session, tensors) => Object.fromEntries(session.inputNames.map(
  (name) => [name, new ort.Tensor('float32', tensors[name].data, tensors[name].shape)]));

async function inputs(net, size, file) {
  const session = await open(net, 1);
  const random = makeRandom(1);
  const tensors = {};
  for (const { name, shape } of session.inputMetadata) {
    const known = shape.map((d, i) => (typeof d === 'number' && d > 0 ? d : i < 2 ? 1 : +size));
    tensors[name] = { shape: known, data: makeInput(known, random) };
  }
  writeTensors(file, tensors);
}

async function check(net, input, ours, threads) {
  const session = await open(net, +threads);
  const result = await session.run(feeds(session, readTensors(input)));
  const wanted = readTensors(ours);
  for (const name of session.outputNames) {
    let most = 1, off = 0;
    wanted[name].data.forEach((v, i) => {
      most = Math.max(most, Math.abs(v));
      off = Math.max(off, Math.abs(v - result[name].data[i]));
    });
    console.log(`ONNX Runtime ${name}: differs by ${off.toExponential(2)}, values to ${most.toPrecision(3)}`);
    if (!(off <= TOLERANCE * most)) process.exitCode = 1;
  }
}

async function time(net, input, runs, threads) {
  const session = await open(net, +threads);
  const feed = feeds(session, readTensors(input));
  const seconds = [];
  for (let i = 0; i <= +runs; i++) {
    const start = process.hrtime.bigint();
    await session.run(feed);
    if (i) seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  seconds.sort((a, b) => a - b);
  const middle = seconds.length >> 1;
  const median = seconds.length % 2 ? seconds[middle] : (seconds[middle - 1] + seconds[middle]) / 2;
  const peak_bytes = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ median, least: seconds[0], peak_bytes }));
}

const [verb, ...rest] = process.argv.slice(2);
await { inputs, check, time }[verb](...rest);
