alter table instances_snapshots add column expiry_date datetime;
create index instances_snapshots_expiry on instances_snapshots (expiry_date) where expiry_date is not null;
