// Starts Node, waits on stdin for what to be, and becomes that: the client, whose path is the argument, is imported
// only then, since it reads its variables as it is loaded.
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const client = process.argv[2]
process.stdout.write('warm\n')
let order = ''
process.stdin.setEncoding('utf8')
for await (const chunk of process.stdin) order += chunk
if (order !== '') await become(JSON.parse(order))

async function become({ environment, arguments: rest }) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, environment)
  process.argv.splice(1, process.argv.length, client, ...rest)
  await import(pathToFileURL(client).href)
}
