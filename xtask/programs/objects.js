// Builds and drops many objects and Buffers, compresses in the thread pool, and runs worker threads.
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

let state = 12345;
function draw(below) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % below;
}

function build(count) {
  const nodes = new Map();
  for (let i = 0; i < count; i++) {
    nodes.set(`node ${draw(1e6)}`, { id: i, tags: [i % 7, i % 11], name: 'n'.repeat(i % 40) });
  }
  return nodes;
}

function hashBuffers(rounds) {
  const hash = crypto.createHash('sha256');
  let kept = [];
  for (let i = 0; i < rounds; i++) {
    kept.push(Buffer.alloc(1 + draw(60000), i & 255));
    if (kept.length > 200) {
      hash.update(Buffer.concat(kept.slice(0, 100)));
      kept = kept.slice(100);
    }
  }
  return hash.digest('hex');
}

function compress(i) {
  const text = Array.from({ length: 20000 }, (_, k) => `${i} ${k * i % 97}`).join('\n');
  return new Promise((resolve, reject) => {
    zlib.deflate(text, (error, packed) => {
      if (error) return reject(error);
      zlib.inflate(packed, (failed, back) => (failed ? reject(failed) : resolve(back.toString() === text)));
    });
  });
}

function work(seed) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: seed });
    worker.on('message', resolve);
    worker.on('error', reject);
  });
}

async function main() {
  for (let round = 0; round < 5; round++) {
    const nodes = build(100000);
    const json = JSON.stringify([...nodes]);
    console.log(round, nodes.size, json.length, JSON.parse(json).length);
  }
  console.log(hashBuffers(4000));
  console.log(await Promise.all(Array.from({ length: 40 }, (_, i) => compress(i + 1))));
  console.log(await Promise.all([1, 2, 3, 4].map(work)));
}

if (isMainThread) {
  main();
} else {
  state = workerData;
  parentPort.postMessage([build(50000).size, hashBuffers(1000)]);
}
