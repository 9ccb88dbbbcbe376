'use strict'
// NeDB: one document after the other, and the data file is compacted after each, which is what makes it durable. A line of the file
// that does not hold together is skipped, however many there are.
const [, , version, recover] = process.argv
const Datastore = require(version)
const documents = new Datastore({ filename: 'data/documents', corruptAlertThreshold: 1 })

function must (error) {
  if (error) throw error
}

function show () {
  documents.find({}).sort({ _id: 1 }).exec((error, found) => {
    must(error)
    for (const document of found) console.log(document.text)
  })
}

function put (number, last) {
  documents.insert({ _id: String(number), text: 'document ' + number }, error => {
    must(error)
    documents.persistence.persistCachedDatabase(error => {
      must(error)
      console.log('ok', number)
      if (number < last) put(number + 1, last)
    })
  })
}

documents.loadDatabase(error => {
  must(error)
  if (recover) return show()
  documents.count({}, (error, count) => {
    must(error)
    put(count + 1, count + 2)
  })
})
