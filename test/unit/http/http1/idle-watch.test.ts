import type { Socket } from 'node:net'
import t from 'tap'
import { IdleWatch } from '../../../../src/http/http1/idle-watch.ts'

function watched(now: number) {
  const socket = { bytesRead: 0, bytesWritten: 0 }
  return { socket, watch: new IdleWatch(socket as Socket, now) }
}

t.test('bytes in either direction end the stillness that a sweep sees', async t => {
  const { socket, watch } = watched(100)
  t.equal(watch.idleFor(150), 50)
  socket.bytesRead = 1
  t.equal(watch.idleFor(200), 0)
  t.equal(watch.idleFor(250), 50)
  socket.bytesWritten = 1
  t.equal(watch.idleFor(300), 0)
})

t.test(
  'the first head is awaited from the start, others from when they are asked about',
  async t => {
    const { watch } = watched(100)
    t.equal(watch.fresh, true)
    t.equal(watch.headAge(150), 50)
    watch.headDone()
    t.equal(watch.fresh, false)
    t.equal(watch.headAge(300), 0)
    t.equal(watch.headAge(350), 50)
    watch.headDone()
    t.equal(watch.headAge(400), 0)
  },
)
