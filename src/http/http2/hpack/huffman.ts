import '../latin1.ts'

/** Code length in bits → symbols in order of their codes. The code is canonical, so this is all of RFC 7541 Appendix B. */
const symbolsByLength: Readonly<Record<number, readonly number[]>> = {
  5: codesOf('012aceiost'),
  6: codesOf(' %-./3456789=A_bdfghlmnpru'),
  7: codesOf(':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'),
  8: codesOf('&*,;XZ'),
  10: codesOf('!"()?'),
  11: codesOf("'+|"),
  12: codesOf('#>'),
  13: codesOf('\0$@[]~'),
  14: codesOf('^}'),
  15: codesOf('<`{'),
  19: [92, 195, 208],
  20: [128, 130, 131, 162, 184, 194, 224, 226],
  21: [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230],
  22: [
    129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187,
    189, 190, 196, 198, 228, 232, 233,
  ],
  23: [
    1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168,
    174, 175, 180, 182, 183, 188, 191, 197, 231, 239,
  ],
  24: [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
  25: [199, 207, 234, 235],
  26: [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255],
  27: [
    203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254,
  ],
  28: [
    2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    127, 220, 249,
  ],
  30: [10, 13, 22, 256],
}

const endOfString = 256
const none = -1

function codesOf(characters: string): number[] {
  return Array.from(characters, character => character.charCodeAt(0))
}

// Decoding walks the code tree four bits at a time: no code is shorter than five bits, so a step emits at
// most one symbol. Index: inner node * 16 + nibble.
const nextNode: number[] = []
const emitted: number[] = []
const failed = none
/** Whether the bits since the last symbol are at most seven ones, the only padding allowed. */
const acceptable: boolean[] = []

buildTables(buildTree())

/** Inner nodes as pairs of children: another node ≥ 0, or a symbol as -2 - symbol. Node 0 is the root. */
function buildTree(): number[][] {
  const nodes: number[][] = [[none, none]]
  let code = 0
  for (let length = 1; length <= 30; length++) {
    code *= 2
    for (const symbol of symbolsByLength[length] ?? [])
      insert(nodes, { symbol, code: code++, length })
  }
  return nodes
}

function insert(nodes: number[][], leaf: { symbol: number; code: number; length: number }): void {
  let node = 0
  for (let bit = leaf.length - 1; bit > 0; bit--) {
    const pair = nodes[node] ?? []
    const side = (leaf.code >>> bit) & 1
    if (pair[side] === none) pair[side] = nodes.push([none, none]) - 1
    node = pair[side] ?? 0
  }
  const pair = nodes[node] ?? []
  pair[leaf.code & 1] = -2 - leaf.symbol
}

function buildTables(nodes: readonly number[][]): void {
  for (let node = 0; node < nodes.length; node++)
    for (let nibble = 0; nibble < 16; nibble++) {
      const [next, symbol] = walk(nodes, node, nibble)
      nextNode.push(next)
      emitted.push(symbol)
    }
  for (let node = 0, ones = 0; ones < 8; ones++) {
    acceptable[node] = true
    node = nodes[node]?.[1] ?? 0
  }
}

function walk(nodes: readonly number[][], from: number, nibble: number): [number, number] {
  let node = from
  let symbol = none
  for (let bit = 3; bit >= 0; bit--) {
    const child = nodes[node]?.[(nibble >>> bit) & 1] ?? none
    if (child >= 0) {
      node = child
      continue
    }
    symbol = -2 - child
    // RFC 7541 §5.2: a string that contains EOS is an error.
    if (symbol === endOfString) return [failed, none]
    node = 0
  }
  return [node, symbol]
}

let scratch = Buffer.allocUnsafeSlow(4096)

/** The text of `[start, end)`, or undefined where RFC 7541 §5.2 calls the code an error. */
export function decodeHuffman(source: Buffer, start: number, end: number): string | undefined {
  // The shortest code has five bits.
  const mostBytes = Math.ceil(((end - start) * 8) / 5)
  if (mostBytes > scratch.length) scratch = Buffer.allocUnsafeSlow(mostBytes)
  const text = scratch
  let written = 0
  let node = 0
  for (let at = start; at < end; at++) {
    const byte = source[at] ?? 0
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = node * 16 + ((byte >>> shift) & 15)
      const symbol = emitted[step] ?? none
      node = nextNode[step] ?? failed
      if (node === failed) return undefined
      if (symbol !== none) text[written++] = symbol
    }
  }
  return acceptable[node] === true ? text.latin1Slice(0, written) : undefined
}
