alter table operations add column type integer not null default 0;
create index operations_node on operations (node_id);
