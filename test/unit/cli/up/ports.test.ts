import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { findPortProblems, type PortClaim } from '../../../../src/cli/up/ports.ts'

async function takenPort(t: Test): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

const claim = (port: number, purpose = 'outbound port of shop'): PortClaim => ({
  host: '127.0.0.1',
  port,
  purpose,
  setting: '`outbound`',
})

t.test('a taken port is named with its purpose and the setting that moves it', async t => {
  const port = await takenPort(t)
  t.same(await findPortProblems([claim(0), claim(port)]), [
    `port ${port} (outbound port of shop) is taken by another program; to move it, set \`outbound\``,
  ])
})

t.test('a port wanted twice names both purposes', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  t.same(await findPortProblems([claim(port), claim(port, 'admin port of shop')]), [
    `port ${port} (admin port of shop) is wanted as the outbound port of shop too; to move it, set \`outbound\``,
  ])
})

t.test('an address that is not ours is named with the system’s reason', async t => {
  const foreign = { ...claim(15001), host: '192.0.2.1' }
  t.match(await findPortProblems([foreign]), [/^port 15001 .* cannot be used: .*EADDRNOTAVAIL/])
})
