import { parentPort, workerData } from 'node:worker_threads'
import { monotonicNow, wallNow } from '../../../base/clock.ts'
import type { StoreStart, ThreadRequest } from './protocol.ts'
import { SqliteStore } from './store.ts'

// Entry of the thread on which one store blocks.
const { path, limits } = workerData as StoreStart
const store = new SqliteStore({ path, limits, now: monotonicNow, wallNow })

parentPort?.on('message', (request: ThreadRequest) => {
  if (request === 'stop') {
    store.close()
    parentPort?.close()
  } else parentPort?.postMessage(store.run(request))
})
