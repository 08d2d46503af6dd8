BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE conversations (
	id INTEGER NOT NULL, 
	place_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	guild_id BIGINT, 
	owner_id BIGINT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	model VARCHAR(200), 
	persona TEXT, 
	title VARCHAR(100) NOT NULL, 
	closed BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (place_id)
);
INSERT INTO "conversations" VALUES(1,1400000000000000001,1400000000000000001,7,100,'thread','chat','pirate','Why is the sky blue?',0,1.79576474543087959284e+09,1.79576474544352865216e+09);
CREATE TABLE meta (
	"key" VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('commands','hash');
CREATE TABLE pictures (
	id INTEGER NOT NULL, 
	owner_id BIGINT NOT NULL, 
	guild_id BIGINT, 
	channel_id BIGINT NOT NULL, 
	message_id BIGINT, 
	wish TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	locale VARCHAR(16) NOT NULL, 
	created_at FLOAT NOT NULL, input_mime VARCHAR(32), input_data BLOB, 
	PRIMARY KEY (id)
);
INSERT INTO "pictures" VALUES(1,100,7,1400000000000000001,1400000000000000005,'{"prompt": "a fox", "seed": 7}','done','en',1.79576474545026135449e+09,'image/png',X'696E707574');
CREATE TABLE settings (
	scope VARCHAR(16) NOT NULL, 
	scope_id BIGINT NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (scope, scope_id, "key")
);
INSERT INTO "settings" VALUES('guild',7,'channels','[1, 2]');
INSERT INTO "settings" VALUES('user',100,'no_store','true');
INSERT INTO "settings" VALUES('user',100,'locale','"en-US"');
CREATE TABLE turn_images (
	id INTEGER NOT NULL, 
	turn_id BIGINT NOT NULL, 
	mime VARCHAR(32) NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "turn_images" VALUES(1,1,'image/png',X'89504E4700FF');
CREATE TABLE turns (
	id INTEGER NOT NULL, 
	conversation_id BIGINT NOT NULL, 
	asker_id BIGINT NOT NULL, 
	asker_name VARCHAR(64) NOT NULL, 
	question_ids TEXT NOT NULL, 
	question TEXT NOT NULL, 
	answer TEXT NOT NULL, 
	former TEXT NOT NULL, 
	reasoning TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	deployment VARCHAR(200) NOT NULL, 
	locale VARCHAR(16) NOT NULL, 
	channel_id BIGINT NOT NULL, 
	message_ids TEXT NOT NULL, 
	created_at FLOAT NOT NULL, parent_id BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "turns" VALUES(1,1,100,'Maria','[1400000000000000002]','Why is the sky blue?','Because of Rayleigh scattering.','["An older answer."]','','done','a/voice','en',1400000000000000001,'[1400000000000000003]',1.79576474543350625033e+09,NULL);
INSERT INTO "turns" VALUES(2,1,200,'Иван','[1400000000000000004]','А почему закат красный?','','[]','','interrupted','','ru',1400000000000000001,'[]',1.79576474544352865216e+09,1);
CREATE TABLE usage (
	hour INTEGER NOT NULL, 
	guild_id BIGINT NOT NULL, 
	user_id BIGINT NOT NULL, 
	requests INTEGER NOT NULL, 
	tokens BIGINT NOT NULL, 
	pictures INTEGER NOT NULL, 
	PRIMARY KEY (hour, guild_id, user_id)
);
INSERT INTO "usage" VALUES(498823,7,100,3,500,1);
CREATE INDEX ix_conversations_updated_at ON conversations (updated_at);
CREATE INDEX ix_turns_state ON turns (state);
CREATE INDEX ix_turns_asker_id ON turns (asker_id);
CREATE INDEX ix_turns_conversation_id ON turns (conversation_id);
CREATE INDEX ix_turn_images_turn_id ON turn_images (turn_id);
CREATE INDEX ix_pictures_owner_id ON pictures (owner_id);
CREATE INDEX ix_turns_channel_id ON turns (channel_id);
CREATE INDEX ix_pictures_created_at ON pictures (created_at);
COMMIT;
