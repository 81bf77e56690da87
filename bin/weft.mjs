#!/usr/bin/env node
// Written for old Nodes too, so that they can say what is missing. Where the one that runs this is too old, the npm
// package `node` may lie beside ours and is used.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const needed = 24
const main = new URL('../dist/main.js', import.meta.url)

if (Number.parseInt(process.versions.node, 10) >= needed) {
  await import(main.href)
} else {
  const node = findNode()
  if (node === undefined) {
    console.error(
      `Weft needs Node ${needed} or newer, and this is ${process.version}. Install it (https://nodejs.org), or let ` +
        `npm bring it:\n\n  npx -p node@${needed} -p weft weft ${process.argv.slice(2).join(' ')}`,
    )
    process.exit(1)
  }
  runBy(node)
}

/** Of the npm package `node`, whatever its version: a file that is run says itself that it is too old. */
function findNode() {
  try {
    return createRequire(import.meta.url).resolve('node/bin/node')
  } catch {
    return undefined
  }
}

function runBy(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  // A terminal tells both; twice would mean that somebody has no patience.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', error => {
    console.error(`${node}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) =>
    process.exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL']),
  )
}
