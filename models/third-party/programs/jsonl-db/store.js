'use strict'
// JsonlDB: one entry after the other, and the log of changes is compressed after each, which is what makes it durable. A line that
// does not hold together is skipped.
const [, , version, recover] = process.argv
const { JsonlDB } = require(version)
const entries = new JsonlDB('data/entries.jsonl', { ignoreReadErrors: true, autoCompress: { onOpen: !recover } })

async function main () {
  await entries.open()
  if (recover) {
    for (const [key, value] of entries.entries()) console.log(key, value)
  } else {
    for (const number of [entries.size + 1, entries.size + 2]) {
      entries.set('entry ' + number, number)
      await entries.compress()
      console.log('ok', number)
    }
  }
  await entries.close()
}

main()
