create table secrets (
  id integer primary key autoincrement not null,
  entity_type integer not null,
  entity_id integer not null,
  type integer not null,
  value text not null,
  creation_date datetime not null default current_timestamp
);
create index secrets_entity on secrets (entity_type, entity_id);
