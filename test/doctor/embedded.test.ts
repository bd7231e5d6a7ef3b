import { describe, expect, test } from 'bun:test'

import { judgeEmbedded } from '../../src/doctor/database.ts'

const judge = (freeBytes: number | undefined, isLive = false) =>
  judgeEmbedded({ dataDir: '/data', isLive, freeBytes })

describe('doctor, of the embedded Postgres', () => {
  test('says how much room its disk has', () => {
    const { verdict, evidence } = judge(12_340_000_000)
    expect(verdict).toBe('ok')
    expect(evidence).toContain('/data')
    expect(evidence).toContain('12.3 GB free')
  })

  test('warns before the disk is full, and says what happens then', () => {
    const found = judge(999_999_999, true)
    expect(found.verdict).toBe('warn')
    expect(found.evidence).toContain('1.0 GB free')
    expect(found.evidence).toContain('503')
    expect(found.fix).toContain('RETENTION')
  })

  test('says nothing of a disk that nobody tells of, and warns of it in live mode', () => {
    expect(judge(undefined).evidence).not.toContain('free')
    expect(judge(undefined, true).verdict).toBe('warn')
  })
})
