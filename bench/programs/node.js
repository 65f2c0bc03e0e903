// Buffers, compressed data, JSON and maps: what lies outside the engine's own heap comes from malloc.
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');

let state = 1;
function random(end) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * end);
}

const digest = crypto.createHash('sha256');

// A table of buffers, each a block of its own, replaced at random.
function churnBuffers(replacements) {
    const table = new Array(4000).fill(null);
    let bytes = 0;
    for (let done = 0; done < replacements; done++) {
        const buffer = Buffer.allocUnsafeSlow(16 + random(4000));
        buffer.fill(done & 255);
        const slot = random(table.length);
        if (table[slot]) bytes += table[slot][table[slot].length - 1];
        table[slot] = buffer;
    }
    digest.update(String(bytes));
    digest.update(Buffer.concat(table.filter((buffer) => buffer !== null)));
}

function documents(count) {
    const all = new Map();
    for (let number = 0; number < count; number++) {
        const words = [];
        for (let word = random(20); word >= 0; word--) words.push('word' + random(3000));
        all.set('key ' + number, { number, words, nested: { text: words.join(' '), half: number / 2 } });
    }
    return all;
}

function throughJson(all) {
    const text = JSON.stringify([...all]);
    const back = new Map(JSON.parse(text));
    digest.update(text);
    const words = new Map();
    for (const { words: list } of back.values()) {
        for (const word of list) words.set(word, (words.get(word) || 0) + 1);
    }
    digest.update([...words].sort().join());
    return text;
}

function compress(text) {
    for (let start = 0; start < text.length; start += 65536) {
        const piece = Buffer.from(text.slice(start, start + 65536));
        const packed = zlib.deflateSync(piece, { level: 1 });
        if (!zlib.inflateSync(packed).equals(piece)) throw new Error('a piece came back different');
        digest.update(crypto.createHash('md5').update(packed).digest());
    }
}

for (let round = 0; round < 4; round++) {
    churnBuffers(60000);
    compress(throughJson(documents(15000)));
}
console.log(digest.digest('hex'));
