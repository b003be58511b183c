import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = False
    dependencies = [("shop", "0001_users")]
    operations = [
        migrations.CreateModel(
            name="Category",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("slug", models.CharField(max_length=100, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("category", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.category")),
                ("name", models.CharField(max_length=200, db_index=True)),
                ("sku", models.CharField(max_length=64, unique=True)),
                ("description", models.TextField()),
                ("price_cents", models.IntegerField()),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
