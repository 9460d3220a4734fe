import { parentPort } from 'node:worker_threads'
import bcrypt from 'bcryptjs'
import type { Check, Verdict } from './passwords.ts'

// One check at a time and nothing else to do in this thread, so the synchronous version serves: it is the faster one.
parentPort?.on('message', ({ password, hash }: Check) => {
  const verdict: Verdict = bcrypt.compareSync(password, hash)
  parentPort?.postMessage(verdict)
})
