// The operations that plugins may call, by abi/ABI.md: X(identifier, name, the
// fields of the request, those of the response). A field is its name behind the
// letter of its type, s string, j json, i int, b bool, l strings, y bytes, and
// behind a '?' where it is optional. That log's level may be left out is the
// command's doing: it is "info" then.
#define OPERATIONS(X) \
  X(log, "log", "?slevel smessage", "") \
  X(config_get, "config.get", "", "jconfig") \
  X(kv_get, "kv.get", "skey", "?jvalue") \
  X(kv_set, "kv.set", "skey jvalue ?ittl", "") \
  X(kv_delete, "kv.delete", "skey", "bdeleted") \
  X(kv_increment, "kv.increment", "skey iby ?ittl", "ivalue") \
  X(kv_compareAndSet, "kv.compareAndSet", "skey ?jexpected ?jvalue ?ittl", "bswapped ?jcurrent") \
  X(http_fetch, "http.fetch", "surl ?smethod ?lheaders ?ybody ?itimeout", "istatus lheaders ybody") \
  X(connections_metadata_get, "connections.metadata.get", "sconnectionId", "jmetadata ?suser") \
  X(connections_metadata_set, "connections.metadata.set", "sconnectionId jmetadata ?sstrategy", "jmetadata") \
  X(connections_send, "connections.send", "lto scommand ?jpayload ?lexclude", "isent") \
  X(connections_disconnect, "connections.disconnect", "sconnectionId ?icode ?sreason", "bdisconnected") \
  X(connections_list, "connections.list", "?suser ?scursor ?ilimit", "jconnections ?scursor") \
  X(connections_metadata_list, "connections.metadata.list", "?sroomName ?scursor ?ilimit", "jmetadata ?scursor") \
  X(broadcast, "broadcast", "scommand ?jpayload ?lexclude", "isent") \
  X(users_send, "users.send", "lto scommand ?jpayload ?lexclude", "isent") \
  X(users_disconnect, "users.disconnect", "suser ?icode ?sreason", "idisconnected") \
  X(users_list, "users.list", "?scursor ?ilimit", "lusers ?scursor") \
  X(users_connections, "users.connections", "suser", "lconnections") \
  X(rooms_add, "rooms.add", "sroomName sconnectionId", "bjoined") \
  X(rooms_remove, "rooms.remove", "sroomName sconnectionId", "bleft") \
  X(rooms_removeFromAll, "rooms.removeFromAll", "sconnectionId", "lrooms") \
  X(rooms_has, "rooms.has", "sroomName sconnectionId", "bmember") \
  X(rooms_members, "rooms.members", "sroomName", "lmembers") \
  X(rooms_list, "rooms.list", "?sconnectionId ?scursor ?ilimit", "lrooms ?scursor") \
  X(rooms_clear, "rooms.clear", "sroomName", "iremoved") \
  X(rooms_send, "rooms.send", "sroomName scommand ?jpayload ?lexclude", "isent") \
  X(rooms_metadata_get, "rooms.metadata.get", "sroomName", "jmetadata") \
  X(rooms_metadata_set, "rooms.metadata.set", "sroomName jmetadata ?sstrategy", "jmetadata") \
  X(rooms_metadata_list, "rooms.metadata.list", "?scursor ?ilimit", "jmetadata ?scursor") \
  X(channels_publish, "channels.publish", "schannel jmessage ?ihistory", "?ioffset ?sepoch") \
  X(channels_history, "channels.history", "schannel ?ilimit ?isince ?isinceTime", "jhistory ioffset ?sepoch") \
  X(channels_unsubscribe, "channels.unsubscribe", "schannel sconnectionId ?sreason", "bunsubscribed") \
  X(presence_list, "presence.list", "sroomName", "lpresent jstates") \
  X(presence_set, "presence.set", "sroomName sconnectionId jstate ?iexpireAfter ?bsilent", "bsuccess") \
  X(presence_clear, "presence.clear", "sroomName sconnectionId", "bsuccess") \
  X(presence_unsubscribe, "presence.unsubscribe", "sroomName sconnectionId ?sreason", "bunsubscribed") \
  X(records_get, "records.get", "srecordId", "jvalue iversion ?sepoch") \
  X(records_set, "records.set", "srecordId jvalue ?sstrategy ?jexpectVersion ?ittl", "iversion sepoch bchanged") \
  X(records_delete, "records.delete", "srecordId ?jexpectVersion", "bdeleted iversion") \
  X(records_list, "records.list", "?spattern ?bvalues ?scursor ?ilimit", "jrecords ?scursor") \
  X(records_transaction, "records.transaction", "joperations", "jresults") \
  X(records_unsubscribe, "records.unsubscribe", "srecordId sconnectionId ?sreason", "bunsubscribed") \
  X(collections_unsubscribe, "collections.unsubscribe", "scollectionId sconnectionId ?sreason", "bunsubscribed")
