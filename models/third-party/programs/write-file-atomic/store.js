'use strict'
// write-file-atomic: a value that is replaced. What is promised is the old value or the new one, whole, and not that the new one is
// durable, so that the program sees to that by itself.
const [, , version, recover] = process.argv
const fs = require('fs')
const write = require(version)
const FILE = 'data/value'

if (recover) {
  if (fs.existsSync(FILE)) console.log(fs.readFileSync(FILE, 'utf8'))
} else {
  for (const number of [1, 2]) {
    write.sync(FILE, 'value ' + number)
    const folder = fs.openSync('data')
    fs.fsyncSync(folder)
    fs.closeSync(folder)
    console.log('ok', number)
  }
}
