/** What seems random, and is the same for the same seed (mulberry32). */
export function createRandom(seed: number) {
  let state = seed
  function random() {
    state = (state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1))
  const oneOf = <Of>(all: readonly Of[]): Of => all[between(0, all.length - 1)] as Of
  return { random, between, oneOf }
}
