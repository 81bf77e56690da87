import t from 'tap'
import { FunctionLog, LogTail } from '../../../src/functions/function-log.ts'

const line = (text: string) => ({ time: 0, instance: 1, stream: 'stdout' as const, text })

t.test('the last thousand lines are kept, and followers hear of new ones', async t => {
  const log = new FunctionLog()
  log.add(line('before'))
  const heard: string[] = []
  const stop = log.follow(({ text }) => heard.push(text))
  for (let i = 0; i < 1000; i++) log.add(line(String(i)))
  stop()
  log.add(line('after'))
  t.equal(log.lines.length, 1000)
  t.equal(log.lines.at(-1)?.text, 'after')
  t.equal(heard.length, 1000)
})

t.test('the tail is the last four kilobytes', async t => {
  const tail = new LogTail()
  tail.add('é'.repeat(4000))
  tail.add('end')
  t.equal(tail.bytes.length, 4096)
  t.equal(tail.bytes.subarray(-4).toString(), 'end\n')
  tail.clear()
  t.equal(tail.bytes.length, 0)
})
