import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { pid, platform } from 'node:process'
import t from 'tap'
import { connectionsBetween, parseTcp } from '../../../../bench/capacity/connections.ts'

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0000000000000000 100 0 0 10 0
   1: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 5678 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:D432 0100007F:1F90 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000
`

t.test('each socket of the table gives its ports, its state and its inode', async t => {
  t.strictSame(parseTcp(table), [
    { localPort: 8080, remotePort: 0, state: 'listen', inode: '1234' },
    { localPort: 54_321, remotePort: 8080, state: 'established', inode: '5678' },
    { localPort: 54_322, remotePort: 8080, state: 'other', inode: '0' },
  ])
})

const onlyLinux = platform === 'linux' ? {} : { skip: 'there is no /proc here' }

t.test(
  'connections of a process to where one listens are found while they last',
  onlyLinux,
  async t => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.strictSame(await connectionsBetween(pid, pid), new Set())
    const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(client, 'connect')
    t.strictSame(await connectionsBetween(pid, pid), new Set([client.localPort]))
    client.destroy()
    server.close()
  },
)
