import type { DataFolder, MachineFacts } from '../../../platform/machine.ts'
import { olderThan } from '../../../tailscale/version.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check } from '../given.ts'
import { inUnits } from '../units.ts'

/** The security releases of early 2026. */
const nodeFloor = '24.14.0'

const MiB = 1024 * 1024
const disk = { full: 100 * MiB, low: 1024 * MiB }
const memoryLow = 256 * MiB

export const checkMachine: Check<'machine'> = async ({ machine }) => {
  if (machine === undefined) return []
  const facts = await machine.facts()
  return [...node(facts), ...memory(facts), ...space(facts.data), ...rights(facts)]
}

const node = ({ node: version }: MachineFacts): Finding[] =>
  olderThan(version, nodeFloor)
    ? [finding('machine.node_old', 'Node', { version, floor: nodeFloor })]
    : [fine('machine', 'Node', version)]

const memory = ({ freeMemory }: MachineFacts): Finding[] => {
  const free = inUnits(freeMemory)
  if (freeMemory < memoryLow) return [finding('machine.memory_low', 'memory', { free })]
  return [fine('machine', 'memory', `${free} are free`)]
}

const space = ({ path, free: bytes }: DataFolder): Finding[] => {
  if (bytes === undefined) return []
  const values = { free: inUnits(bytes), path }
  if (bytes < disk.full) return [finding('machine.disk_full', 'disk', values)]
  if (bytes < disk.low) return [finding('machine.disk_low', 'disk', values)]
  return [fine('machine', 'disk', `${values.free} are free`)]
}

const rights = ({ data: { path, writable, exposed }, user }: MachineFacts): Finding[] => {
  const found: Finding[] = []
  if (!writable) found.push(finding('machine.data_closed', 'data', { user, path }))
  if (exposed.length > 0) {
    found.push(finding('machine.data_exposed', 'data', { files: exposed.join(', '), path }))
  }
  return found.length > 0 ? found : [fine('machine', 'data', `${path} is for its owner alone`)]
}
