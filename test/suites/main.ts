// Runs suites of others' making against real sidecars: `npm run conformance [-- NAME ...]`.
import { grpcSuites } from './grpc.ts'
import { h2spec } from './h2spec.ts'
import { postgresql } from './postgresql.ts'
import { Missing, type Suite } from './suite.ts'
import { webSocket } from './websocket.ts'

const suites: readonly Suite[] = [h2spec, ...grpcSuites, webSocket, postgresql]
const wanted = process.argv.slice(2)

for (const name of wanted)
  if (!suites.some(suite => suite.name === name))
    throw new Error(
      `there is no suite ${name}; there are ${suites.map(each => each.name).join(', ')}`,
    )

for (const suite of suites) {
  if (wanted.length > 0 && !wanted.includes(suite.name)) continue
  try {
    const { passed, total, failures } = await suite.run()
    for (const failure of failures) console.log(`  ${failure}`)
    console.log(`${suite.name}: ${passed}/${total}`)
    if (passed < total) process.exitCode = 1
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    console.log(`${suite.name}: skipped: ${error.message}`)
  }
}
